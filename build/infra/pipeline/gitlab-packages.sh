#!/usr/bin/env bash
# Puts the packages of an earlier release into dist/packages: gitlab-packages.sh VERSION. The job that made them keeps them.
set -euo pipefail
curl --fail --silent --show-error --location --header "JOB-TOKEN: $CI_JOB_TOKEN" --output earlier.zip \
  "$CI_API_V4_URL/projects/$CI_PROJECT_ID/jobs/artifacts/v$1/download?job=packages"
unzip -q earlier.zip 'dist/packages/*'
rm earlier.zip
