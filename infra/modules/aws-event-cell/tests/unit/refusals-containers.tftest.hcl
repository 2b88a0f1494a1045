# Each validation that concerns containers, by a value that it must refuse.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

variables {
  cell            = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "container" }
  private_network = true
  topology = {
    http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
    relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
    consumers               = [{ name = "rollups", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }]
    deadLetterRetentionDays = 14
  }
  release      = { version = "1", artifacts = {}, image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/polycell-aws@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
  route_keys   = [{ kty = "OKP", crv = "Ed25519", kid = "k1", x = "AAAA" }]
  identity_key = jsonencode({ kty = "OKP", crv = "Ed25519", kid = "cell-1", x = "AAAA", d = "AAAA" })
  edge         = "https://edge.example.com"
  objectives = {
    alarms = {
      errors          = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
      throttles       = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
      relayLagSeconds = { threshold = 60, periodSeconds = 60, evaluations = 5, breaching = 5 }
      queueAgeSeconds = { threshold = 120, periodSeconds = 60, evaluations = 5, breaching = 5 }
      deadLetters     = { threshold = 1, periodSeconds = 60, evaluations = 1, breaching = 1 }
      parked          = { threshold = 10, periodSeconds = 300, evaluations = 1, breaching = 1 }
    }
    consumers = {}
  }
}

run "no_image" {
  command = plan

  variables {
    release = { version = "1", artifacts = {} }
  }

  expect_failures = [var.release]
}

run "an_image_by_tag" {
  command = plan

  variables {
    release = { version = "1", artifacts = {}, image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/polycell-aws:1" }
  }

  expect_failures = [var.release]
}

run "an_image_without_registry" {
  command = plan

  variables {
    release = { version = "1", artifacts = {}, image = "polycell-aws@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
  }

  expect_failures = [var.release]
}

run "containers_without_a_network" {
  command = plan

  variables {
    private_network = false
  }

  expect_failures = [var.private_network]
}

run "a_network_beside_a_cluster" {
  command = plan

  variables {
    cluster = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A" }
  }

  expect_failures = [var.private_network]
}

run "a_cluster_for_functions" {
  command = plan

  variables {
    private_network = false
    cell            = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs22" }
    release         = { version = "1", artifacts = { http = "tests/unit/package.txt", relay = "tests/unit/package.txt", worker = "tests/unit/package.txt" } }
    cluster         = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A" }
  }

  expect_failures = [var.cluster]
}

run "a_cluster_without_tls" {
  command = plan

  variables {
    private_network = false
    cluster         = { endpoint = "http://cell.example.com", issuer = "https://oidc.example.com/id/A" }
  }

  expect_failures = [var.cluster]
}

run "an_issuer_with_a_slash" {
  command = plan

  variables {
    private_network = false
    cluster         = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A/" }
  }

  expect_failures = [var.cluster]
}

run "a_namespace_in_capitals" {
  command = plan

  variables {
    private_network = false
    cluster         = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A", namespace = "Cells" }
  }

  expect_failures = [var.cluster]
}

run "a_cluster_with_a_domain" {
  command = plan

  variables {
    private_network = false
    cell            = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "container", domain = "cell.example.com" }
    cluster         = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A" }
    options         = { certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555" }
  }

  expect_failures = [var.cluster]
}

run "containers_of_no_part" {
  command = plan

  variables {
    options = { containers = { mails = { maximum = 3 } } }
  }

  expect_failures = [var.options]
}

run "a_size_that_fargate_has_not" {
  command = plan

  variables {
    options = { containers = { http = { cpu = 300 } } }
  }

  expect_failures = [var.options]
}

run "fewer_than_the_least" {
  command = plan

  variables {
    options = { containers = { rollups = { minimum = 4, maximum = 3 } } }
  }

  expect_failures = [var.options]
}

run "a_single_relay" {
  command = plan

  variables {
    options = { containers = { relay = { minimum = 1 } } }
  }

  expect_failures = [var.options]
}

run "another_registry_without_a_way_out" {
  command = plan

  variables {
    release = { version = "1", artifacts = {}, image = "ghcr.io/team/polycell-aws@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
    options = { internet = false }
  }

  expect_failures = [var.options]
}
