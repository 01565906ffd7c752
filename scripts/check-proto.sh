#!/usr/bin/env bash
# Fails when the .proto files are unformatted or break a lint rule, or when proto/gen is not what they generate.
# Writes nothing into the work tree.
set -euo pipefail
cd "$(dirname "$0")/../proto"

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

buf format --diff --exit-code
buf lint
buf generate --output "$fresh"
if ! diff --recursive --brief gen "$fresh/gen"; then
  echo 'proto/gen differs from what the .proto files generate: run `npm run proto`' >&2
  exit 1
fi
