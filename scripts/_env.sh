# Sourced by the other scripts: makes the project's own environment, once, and says what it does.
#
#   prepare LOCK        virtual environment with what LOCK pins, and monolayer itself (editable)
#   need_system PACKAGE...   Debian packages, where apt can install them
#
# PYTHON names the interpreter (default: the first of 3.11 to 3.13 found), MONOLAYER_VENV the
# environment's folder (default: .venv).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv=${MONOLAYER_VENV:-.venv}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

viewer_packages=(
  xvfb xauth libxcb-icccm4 libxcb-keysyms1 libgl1 libgl1-mesa-dri libegl1 libglib2.0-0 libdbus-1-3
  libfontconfig1 libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-image0 libxcb-randr0
  libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libx11-xcb1 fonts-dejavu-core
)

has_library() { [[ $(/sbin/ldconfig -p) == *"$1"* ]]; }

say() { printf '\n== %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

need_system() {
  if ! command -v apt-get >/dev/null || ! { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    echo "cannot install $* here (no apt-get, or not root); install it by hand"
    return 1
  fi
  say "installing system packages: $*"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

supported() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if supported "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "monolayer needs CPython 3.11, 3.12 or 3.13; name one with PYTHON=/path/to/python" >&2
  return 1
}

make_venv() {
  local python
  python=$(find_python)
  say "making $venv with $("$python" --version)"
  # Debian and Ubuntu ship Python without the part of venv that brings pip.
  if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    rm -rf "$venv"
    need_system "$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"
    "$python" -m venv "$venv"
  fi
}

prepare() {
  local lock=$1 stamp want
  want=$(cat "$lock" pyproject.toml | sha256sum | cut -c1-64)
  stamp=$venv/.prepared-$(basename "$lock")
  if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && "$venv/bin/python" -c 'import monolayer' 2>/dev/null; then
    return
  fi
  if ! supported "$venv/bin/python"; then make_venv; fi
  say "installing what $lock pins into $venv (a minute or two, once)"
  # The lock is whole; left to itself, pip would refuse a pinned package that another one asks
  # for with an extra (bioio-base asks for ome-types[pint]).
  "$venv/bin/python" -m pip install --quiet --require-hashes --no-deps -r "$lock"
  "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
  echo "$want" >"$stamp"
}
