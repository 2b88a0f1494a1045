# Each validation of a variable, by a value that it must refuse. Run against variables.tf alone, which needs no provider.

variables {
  location        = "westeurope"
  resource_group  = "group"
  scope           = "/subscriptions/00000000-0000-0000-0000-000000000000"
  state_container = "id"
  plan_subjects   = { pull = "repo:o/r:pull_request" }
  apply_subjects  = { production = "repo:o/r:environment:production" }
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

run "a_scope_that_is_none" {
  command = plan

  variables {
    scope = "/"
  }

  expect_failures = [var.scope]
}

run "a_wildcard_that_plans" {
  command = plan

  variables {
    plan_subjects = { all = "repo:o/r:*" }
  }

  expect_failures = [var.plan_subjects]
}

run "no_subject" {
  command = plan

  variables {
    apply_subjects = {}
  }

  expect_failures = [var.apply_subjects]
}

run "a_pull_request_that_applies" {
  command = plan

  variables {
    apply_subjects = { pull = "repo:o/other:pull_request" }
  }

  expect_failures = [var.apply_subjects]
}
