#!/bin/sh
# What a few tests need besides Python: curl (the docs' commands) and chromium (the docs page).
# Never fails: without them those tests are skipped, with the reason. NO_INSTALL=1 leaves the machine as it is.
missing=''
command -v curl >/dev/null 2>&1 || missing='curl'
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 \
    || command -v google-chrome >/dev/null 2>&1 || missing="$missing chromium"
[ -z "$missing" ] && exit 0

skipped="not installed, so the tests that need it are skipped: $missing"
tried=.venv/.tools-tried
if [ -n "${NO_INSTALL:-}" ] || [ -e "$tried" ]; then
    echo "$skipped"
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "$skipped (Debian, as root: apt-get install$missing)"
    exit 0
fi
echo "installing for the tests: $missing (NO_INSTALL=1 skips this)"
touch "$tried"
export DEBIAN_FRONTEND=noninteractive
timeout 120 apt-get update </dev/null >.venv/tools.log 2>&1
for package in $missing; do
    timeout 400 apt-get install -y --no-install-recommends "$package" </dev/null >>.venv/tools.log 2>&1 \
        || echo "$package could not be installed (.venv/tools.log says why): the tests that need it are skipped"
done
exit 0
