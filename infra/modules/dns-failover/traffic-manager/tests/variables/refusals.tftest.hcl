# Each validation of a variable, by a value that it must refuse. Run against variables.tf alone, which needs no provider.

variables {
  name           = "api.example.com"
  resource_group = "group"
  edges          = { a = { host = "a.example.com" }, b = { host = "b.example.com" } }
}

run "what_it_takes" {
  command = plan
}

run "a_name_without_a_dot" {
  command = plan

  variables {
    name = "api"
  }

  expect_failures = [var.name]
}

run "a_single_edge" {
  command = plan

  variables {
    edges = { a = { host = "a.example.com" } }
  }

  expect_failures = [var.edges]
}

run "a_host_with_a_scheme" {
  command = plan

  variables {
    edges = { a = { host = "https://a.example.com" }, b = { host = "b.example.com" } }
  }

  expect_failures = [var.edges]
}

run "no_weight_at_all" {
  command = plan

  variables {
    edges = { a = { host = "a.example.com", weight = 0 }, b = { host = "b.example.com", weight = 0 } }
  }

  expect_failures = [var.edges]
}

run "a_path_without_a_slash" {
  command = plan

  variables {
    health_path = "health"
  }

  expect_failures = [var.health_path]
}

run "a_long_ttl" {
  command = plan

  variables {
    ttl = 3600
  }

  expect_failures = [var.ttl]
}

run "no_failure_allowed" {
  command = plan

  variables {
    failures = 0
  }

  expect_failures = [var.failures]
}
