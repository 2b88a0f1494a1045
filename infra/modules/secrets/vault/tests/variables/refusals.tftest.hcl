# Each validation of a variable, by a value that it must refuse. Run against variables.tf alone, which needs no provider.

variables {
  environment = "production"
  secrets     = { route-key = { description = "The edge's private key", readers = ["repo:o/r:environment:production"] } }
}

run "what_it_takes" {
  command = plan
}

run "an_environment_in_capitals" {
  command = plan

  variables {
    environment = "Production"
  }

  expect_failures = [var.environment]
}

run "no_secret" {
  command = plan

  variables {
    secrets = {}
  }

  expect_failures = [var.secrets]
}

run "a_wildcard_that_reads" {
  command = plan

  variables {
    secrets = { route-key = { description = "The edge's private key", readers = ["repo:o/*"] } }
  }

  expect_failures = [var.secrets]
}

run "a_single_version" {
  command = plan

  variables {
    versions = 1
  }

  expect_failures = [var.versions]
}
