#!/bin/sh
# Makes .venv with this project in it: tools/make_venv.sh [EXTRA], EXTRA being an extra of setup.cfg ("test").
# Python 3.11, or else 3.10, 3.12 or 3.13, is taken from PATH or pyenv, or the one that PYTHON names; where there is none, uv
# from PyPI brings 3.11.
# Does nothing when .venv has been installed from this very setup.cfg before.
set -eu
cd "$(dirname "$0")/.."
extra=${1:-}

say() { echo "make_venv: $*"; }

# A Python from 3.10 to 3.13 that can make environments (Debian's may lack ensurepip). pyenv's shims stand on PATH for
# versions that aren't active, so only running it tells.
suits() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
  pyenv=${PYENV_ROOT:-$HOME/.pyenv}/versions
  if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
  else
    set -- python3.11 "$pyenv"/3.11*/bin/python3 python3.10 "$pyenv"/3.10*/bin/python3 python3.12 \
      "$pyenv"/3.12*/bin/python3 python3.13 "$pyenv"/3.13*/bin/python3 python3 python
  fi
  for candidate; do
    if suits "$candidate"; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return 0
    fi
  done
  return 1
}

# Any Python from 3.8 on can install uv, with or without the venv module.
install_uv() {
  pyenv=${PYENV_ROOT:-$HOME/.pyenv}/versions
  for any in python3 python "$pyenv"/3.*/bin/python3; do
    "$any" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || continue
    if "$any" -m venv "$1/venv" >/dev/null 2>&1 && "$1/venv/bin/python" -m pip install -q uv; then
      uv=$1/venv/bin/uv
    elif "$any" -m pip install -q --target "$1/target" uv; then
      uv=$1/target/bin/uv
    else
      continue
    fi
    return 0
  done
  return 1
}

give_up() {
  say "no Python from 3.10 to 3.13 here, and $1." >&2
  say "Install Python 3.11 with its venv module, or set PYTHON=/path/to/python3.11, and try again." >&2
  exit 2
}

python_from_uv() {
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  if command -v uv >/dev/null 2>&1; then
    uv=uv
  else
    install_uv "$scratch" || give_up "uv, which would bring one, could not be installed from PyPI"
  fi
  "$uv" python install 3.11 >&2 || give_up "uv could not download one from GitHub"
  python=$("$uv" python find --no-project 3.11)
}

fingerprint() {
  # The folder too: an editable installation points at it.
  .venv/bin/python -c 'import hashlib, os, sys
text = b"".join(open(name, "rb").read() for name in ("setup.cfg", "pyproject.toml"))
print(hashlib.sha256(text + os.fsencode(os.getcwd()) + sys.version.encode()).hexdigest())'
}

# Whether .venv has a Python that will do, and is the one that PYTHON names.
fits() {
  [ -x .venv/bin/python ] && suits .venv/bin/python || return 1
  [ -z "${PYTHON:-}" ] || [ "$("$PYTHON" -V)" = "$(.venv/bin/python -V)" ]
}

up_to_date() {
  [ -f .venv/.installed ] && fits || return 1
  hash=$(fingerprint 2>/dev/null) || return 1
  # What the test extra installs holds the plain installation as well.
  grep -qx "$hash $extra" .venv/.installed || { [ -z "$extra" ] && grep -q "^$hash " .venv/.installed; }
}

if [ -n "${PYTHON:-}" ] && ! suits "$PYTHON"; then
  say "PYTHON=$PYTHON is no Python from 3.10 to 3.13 with its venv module" >&2
  exit 2
fi

if up_to_date; then
  say ".venv is up to date ($(.venv/bin/python -V))"
  exit 0
fi

if fits; then
  say "updating .venv ($(.venv/bin/python -V))"
else
  if python=$(find_python); then
    say "using $("$python" -V) from $python"
  else
    say "no Python from 3.10 to 3.13 found on PATH or in pyenv: getting 3.11 with uv from PyPI"
    python_from_uv
    say "using $("$python" -V) from $python, brought by uv"
  fi
  "$python" -m venv --clear .venv
fi

# The stamp goes first and comes back last, so that an interrupted installation is done again.
before=$(cat .venv/.installed 2>/dev/null || true)
rm -f .venv/.installed
say "installing into .venv (about 1 GB the first time, several minutes)"
.venv/bin/python -m pip install -q --disable-pip-version-check -e ".${extra:+[$extra]}"
hash=$(fingerprint)
{ echo "$before" | grep "^$hash " || true; echo "$hash $extra"; } > .venv/.installed.new
mv .venv/.installed.new .venv/.installed
say "done"
