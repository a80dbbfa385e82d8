# shellcheck shell=bash
# Sourced by the scripts beside it: they run in the root of the checkout, whatever the caller's cwd.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# as_root COMMAND...: runs it as root, or says what cannot be done.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root or sudo to run: $*"
    fi
}

# seconds N: N in words.
seconds() {
    if [ "$1" -eq 0 ]; then
        echo 'less than 1 s'
    elif [ "$1" -lt 60 ]; then
        echo "$1 s"
    else
        echo "$(($1 / 60)) min $(($1 % 60)) s"
    fi
}
