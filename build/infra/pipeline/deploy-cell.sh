#!/usr/bin/env bash
# Deploys a release into a cell, and takes the version before back if the cell does not become healthy with it:
#   deploy-cell.sh CELL CLOUD VERSION DIGEST FETCH
# dist/packages holds the release; FETCH VERSION puts those of another one there. CONTAINER_IMAGE names the image of a cell in containers, by
# digest. Exit code 0: the release runs; 1: it does not.
set -euo pipefail
cell="$1" cloud="$2" version="$3" digest="$4" fetch="$5"

in_cell() { terraform -chdir="infra/live/$cell" "$@"; }

# The functions of a script that is part of a condition go on after a failure: each step says what a failure means.
deploy() {
  TF_VAR_release="$(node build/infra/pipeline/packages.mjs dist/packages "$1" "$2" "$cloud" "$3")" || return 1
  export TF_VAR_release
  in_cell apply -auto-approve || return 1
  local deployment method
  deployment="$(in_cell output -json deployment)" || return 1
  method="$(jq -r .method <<< "$deployment")" || return 1
  if [ "$method" = cluster ]; then
    echo "$cell has what it needs for $1; its cluster takes the image." >&2
    return 0
  fi
  if [ "$method" = one-deploy ]; then
    az functionapp deployment source config-zip --src dist/packages/azure.zip \
      --name "$(jq -r .app <<< "$deployment")" --resource-group "$(jq -r .resource_group <<< "$deployment")" || return 1
  fi
  node build/infra/pipeline/health-gate.mjs "$(in_cell output -raw health_url)" "$1" || return 1
}

# A cell that was never deployed has no version.
before="$(in_cell output -raw version 2> /dev/null || true)"
image_before=""
if [ -n "$before" ]; then image_before="$(in_cell output -json deployment | jq -r .image)"; fi
# Functions have none, and cells of earlier releases say nothing of it.
if [ "$image_before" = null ]; then image_before=""; fi
if deploy "$version" "$digest" "${CONTAINER_IMAGE:-}"; then exit 0; fi
if [ -z "$before" ] || [ "$before" = "$version" ]; then
  echo "$cell is not healthy with $version, and there is no version before it to go back to." >&2
  exit 1
fi
echo "$cell is not healthy with $version: going back to $before." >&2
rm -rf dist/packages
"$fetch" "$before"
if deploy "$before" "$(sha256sum dist/packages/SHA256SUMS | cut -d ' ' -f 1)" "$image_before"; then
  echo "$cell runs $before again." >&2
else
  echo "$cell is not healthy with $before either: see to it." >&2
fi
exit 1
