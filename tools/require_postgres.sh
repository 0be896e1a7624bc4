#!/bin/sh
# The tests keep a gradebook in PostgreSQL. Installs Debian's where that is possible,
# else says how to get it.
found() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "make: installing PostgreSQL for the tests of large classes"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null
fi
found || {
    echo "make: the tests need PostgreSQL's server; Debian: sudo apt-get install postgresql" >&2
    exit 1
}
