#!/bin/sh
# install.sh LOCKED: puts into .venv what checks and tests need.
#
# By uv, which unpacks several packages at once and compiles none that nobody imports: a fifth of pip's processor time.
# It reads none of pip's settings, so they are handed on; where uv is not to be had or they do not suit it, pip installs.
set -eu
bin=.venv/bin
settings=$($bin/pip config list)

# A setting of pip's, as `pip config list` prints it, the environment's first: NAME='VALUE', or '\nVALUE\nVALUE'.
setting() {
    printf '%s\n' "$settings" | sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" | head -n 1 | sed 's/\\n/ /g; s/^ *//'
}

: "${UV_INDEX_URL=$(setting index-url)}" "${UV_EXTRA_INDEX_URL=$(setting extra-index-url)}"
: "${UV_FIND_LINKS=$(setting find-links | tr ' ' ,)}" "${UV_CONSTRAINT=$(setting constraint)}"
: "${UV_INDEX_STRATEGY=unsafe-best-match}" "${SSL_CERT_FILE=$(setting cert)}"  # all indexes are alike, as to pip
for each in UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CONSTRAINT UV_INDEX_STRATEGY SSL_CERT_FILE; do
    if eval "[ -n \"\$$each\" ]"; then export "${each?}"; else unset $each; fi
done

# Where Python may not keep what it compiles, every process would compile the packages anew.
lazily=--no-compile
if [ -n "${PYTHONDONTWRITEBYTECODE-}" ]; then lazily= && export UV_COMPILE_BYTECODE=1; fi

install() {
    $bin/uv pip install --quiet --python $bin/python "$@" && return
    echo "uv does not install $*: pip does, which takes longer" >&2
    $bin/pip install --quiet $lazily "$@"
}

$bin/pip install --quiet "$(grep '^uv==' requirements-dev.txt)" || true
case $1 in
    *.lock) (unset UV_CONSTRAINT && install --require-hashes -r "$1") ;;  # a constraint would need hashes, too
    *) install -r "$1" ;;
esac
install -r requirements-dev.txt
install --no-deps -e .
