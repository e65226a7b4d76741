/** What a user can mend: `code` is the message's name in languages/, `values` go into it. */
export class Refusal extends Error {
  constructor(code, values = {}) {
    super(`${code} ${JSON.stringify(values)}`);
    Object.assign(this, { code, values });
  }
}
