#!/bin/sh
# trim-image.sh FOLDER ARCHITECTURE: what `pnpm deploy` made, without other platforms' libraries, with the playground's site,
# and readable for everybody. Runs in the repository's root, built.
set -eu
out=$1
case $2 in
  amd64) keep=linux/x64 ;;
  arm64) keep=linux/arm64 ;;
  *) echo "trim-image.sh: expected amd64 or arm64, received $2" >&2 && exit 2 ;;
esac

natives=$(find "$out/node_modules/.pnpm" -type d -path '*/onnxruntime-node/bin/napi-v*' -name 'napi-v*')
[ -n "$natives" ] || { echo "trim-image.sh: no onnxruntime-node below $out" >&2 && exit 1; }
for native in $natives; do
  [ -d "$native/$keep" ] || { echo "trim-image.sh: $native has no $keep" >&2 && exit 1; }
  for platform in "$native"/*/*; do
    [ "$platform" = "$native/$keep" ] || rm -r "$platform"
  done
done

# The server finds the site as the package @dynamo/playground.
site=$out/node_modules/@dynamo/playground
mkdir -p "$site"
cp apps/playground/package.json "$site"
cp -R apps/playground/dist "$site"
chmod -R a+rX,go-w "$out"
