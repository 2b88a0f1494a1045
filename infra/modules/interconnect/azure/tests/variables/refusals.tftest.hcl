# Each validation of a variable, by a value that it must refuse. Run against variables.tf alone, which needs no provider.

variables {
  name            = "a-b"
  resource_group  = "group"
  location        = "westeurope"
  virtual_network = { id = "id", name = "net" }
  cidr            = "10.20.0.0/16"
  remote_cidr     = "10.10.0.0/16"
}

run "what_it_takes" {
  command = plan
}

run "a_name_in_capitals" {
  command = plan

  variables {
    name = "A-B"
  }

  expect_failures = [var.name]
}

run "a_small_network" {
  command = plan

  variables {
    cidr = "10.20.0.0/24"
  }

  expect_failures = [var.cidr]
}

run "the_same_network" {
  command = plan

  variables {
    remote_cidr = "10.20.0.0/16"
  }

  expect_failures = [var.remote_cidr]
}

run "a_tunnel_by_name" {
  command = plan

  variables {
    tunnels        = { a = "vpn.example.com" }
    preshared_keys = { a = "key" }
  }

  expect_failures = [var.tunnels]
}

run "a_tunnel_without_key" {
  command = plan

  variables {
    tunnels = { a = "192.0.2.1" }
  }

  expect_failures = [var.preshared_keys]
}

run "domains_without_servers" {
  command = plan

  variables {
    remote_domains = ["cell.internal"]
  }

  expect_failures = [var.remote_domains]
}
