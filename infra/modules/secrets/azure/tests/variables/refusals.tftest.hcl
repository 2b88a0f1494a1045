# Each validation of a variable, by a value that it must refuse. Run against variables.tf alone, which needs no provider.

variables {
  environment    = "production"
  location       = "westeurope"
  resource_group = "group"
  secrets        = { route-key = { description = "The edge's private key", readers = ["00000000-0000-0000-0000-000000000000"] } }
}

run "what_it_takes" {
  command = plan
}

run "a_long_environment" {
  command = plan

  variables {
    environment = "much-too-long"
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

run "a_reader_by_name" {
  command = plan

  variables {
    secrets = { route-key = { description = "The edge's private key", readers = ["somebody"] } }
  }

  expect_failures = [var.secrets]
}

run "a_short_recovery" {
  command = plan

  variables {
    recovery_days = 1
  }

  expect_failures = [var.recovery_days]
}
