/** From here on, doubles have no digits behind the point. */
const WHOLE = 1.5 * 2 ** 52;

/** Rounds as Python and NumPy do: halves to the even number. |value| < 2^51. */
export function roundEven(value) {
  return value + WHOLE - WHOLE;
}
