# Each validation of a variable, by a value that it must refuse. Run against variables.tf alone, which needs no provider.

variables {
  cells          = ["aws-alpha"]
  region         = "eu-central-1"
  state_bucket   = "state"
  plan_subjects  = ["repo:o/r:pull_request"]
  apply_subjects = ["repo:o/r:environment:production"]
}

run "what_it_takes" {
  command = plan
}

run "a_name_in_capitals" {
  command = plan

  variables {
    name = "Polycell"
  }

  expect_failures = [var.name]
}

run "no_cell" {
  command = plan

  variables {
    cells = []
  }

  expect_failures = [var.cells]
}

run "a_wildcard_that_plans" {
  command = plan

  variables {
    plan_subjects = ["repo:o/r:*"]
  }

  expect_failures = [var.plan_subjects]
}

run "a_wildcard_that_applies" {
  command = plan

  variables {
    apply_subjects = ["repo:o/*:environment:production"]
  }

  expect_failures = [var.apply_subjects]
}

run "a_pull_request_that_applies" {
  command = plan

  variables {
    apply_subjects = ["repo:o/other:pull_request"]
  }

  expect_failures = [var.apply_subjects]
}

run "one_subject_for_both" {
  command = plan

  variables {
    plan_subjects = ["repo:o/r:environment:production"]
  }

  expect_failures = [var.apply_subjects]
}
