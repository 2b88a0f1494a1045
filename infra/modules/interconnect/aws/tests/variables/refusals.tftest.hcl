# Each validation of a variable, by a value that it must refuse. Run against variables.tf alone, which needs no provider.

variables {
  name            = "a-b"
  vpc_id          = "vpc-1"
  route_table_ids = ["rtb-1"]
  subnet_ids      = ["subnet-1", "subnet-2"]
  cidr            = "10.10.0.0/16"
  remote_cidr     = "10.20.0.0/16"
  remote_gateway  = "192.0.2.1"
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

run "a_single_subnet" {
  command = plan

  variables {
    subnet_ids = ["subnet-1"]
  }

  expect_failures = [var.subnet_ids]
}

run "no_network" {
  command = plan

  variables {
    cidr = "10.10.0.0"
  }

  expect_failures = [var.cidr]
}

run "the_same_network" {
  command = plan

  variables {
    remote_cidr = "10.10.0.0/16"
  }

  expect_failures = [var.remote_cidr]
}

run "a_gateway_by_name" {
  command = plan

  variables {
    remote_gateway = "vpn.example.com"
  }

  expect_failures = [var.remote_gateway]
}

run "domains_without_servers" {
  command = plan

  variables {
    remote_domains = ["privatelink.documents.azure.com"]
  }

  expect_failures = [var.remote_domains]
}
