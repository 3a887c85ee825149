#!/usr/bin/env bash
# Builds librdkafka's own performance tool, which distributions do not package, from the source that the npm
# package of its Node client ships.
#   librdkafka.sh OUTPUT          needs npm, a C compiler and make
set -euo pipefail
output=$(realpath -m "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent node-rdkafka@3.6.1 >/dev/null
tar xzf node-rdkafka-*.tgz package/deps/librdkafka
cd package/deps/librdkafka
./configure --disable-ssl --disable-gssapi --disable-curl --disable-zstd --enable-static >/dev/null
make -s -j2 -C src librdkafka.a >/dev/null
make -s -C examples rdkafka_performance >/dev/null
install -D examples/rdkafka_performance "$output"
