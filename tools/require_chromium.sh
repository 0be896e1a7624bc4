#!/bin/sh
# The tests look at the built book in Chromium. Installs Debian's where that is possible,
# else says how to get it.
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "make: installing chromium for the tests of the book"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
command -v chromium >/dev/null || {
    echo "make: the tests need chromium; Debian: sudo apt-get install chromium" >&2
    exit 1
}
