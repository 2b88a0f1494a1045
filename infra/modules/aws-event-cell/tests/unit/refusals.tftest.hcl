# Each validation of a variable, by a value that it must refuse.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

variables {
  cell = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs22" }
  topology = {
    http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
    relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
    consumers               = [{ name = "rollups", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }]
    deadLetterRetentionDays = 14
  }
  release      = { version = "1", artifacts = { http = "tests/unit/package.txt", relay = "tests/unit/package.txt", worker = "tests/unit/package.txt" } }
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

run "a_cell_id_in_capitals" {
  command = plan

  variables {
    cell = { id = "AWS-Test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs22" }
  }

  expect_failures = [var.cell]
}

run "a_cell_of_another_cloud" {
  command = plan

  variables {
    cell = { id = "aws-test", cloud = "azure", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs22" }
  }

  expect_failures = [var.cell]
}

run "a_cidr_that_is_too_small" {
  command = plan

  variables {
    cell = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/24", runtime = "nodejs22" }
  }

  expect_failures = [var.cell]
}

run "an_unknown_runtime" {
  command = plan

  variables {
    cell = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs18" }
  }

  expect_failures = [var.cell]
}

run "a_consumer_twice" {
  command = plan

  variables {
    topology = {
      http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
      relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
      consumers               = [{ name = "rollups", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }, { name = "rollups", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }]
      deadLetterRetentionDays = 14
    }
  }

  expect_failures = [var.topology]
}

run "no_consumer" {
  command = plan

  variables {
    topology = {
      http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
      relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
      consumers               = []
      deadLetterRetentionDays = 14
    }
  }

  expect_failures = [var.topology]
}

run "a_short_visibility" {
  command = plan

  variables {
    topology = {
      http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
      relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
      consumers               = [{ name = "rollups", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 21, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }]
      deadLetterRetentionDays = 14
    }
  }

  expect_failures = [var.topology]
}

run "a_relay_that_gives_up" {
  command = plan

  variables {
    topology = {
      http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
      relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = 10, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
      consumers               = [{ name = "rollups", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }]
      deadLetterRetentionDays = 14
    }
  }

  expect_failures = [var.topology]
}

run "no_version" {
  command = plan

  variables {
    release = { version = "", artifacts = { http = "tests/unit/package.txt", relay = "tests/unit/package.txt", worker = "tests/unit/package.txt" } }
  }

  expect_failures = [var.release]
}

run "no_route_key" {
  command = plan

  variables {
    route_keys = []
  }

  expect_failures = [var.route_keys]
}

run "another_word_for_the_audience" {
  command = plan

  variables {
    route_audience = "maybe"
  }

  expect_failures = [var.route_audience]
}

run "an_endpoint_with_a_path" {
  command = plan

  variables {
    other_endpoints = ["https://cell.example.com/v1"]
  }

  expect_failures = [var.other_endpoints]
}

run "an_edge_with_a_path" {
  command = plan

  variables {
    edge = "https://edge.example.com/"
  }

  expect_failures = [var.edge]
}

run "a_public_key_for_its_identity" {
  command = plan

  variables {
    identity_key = jsonencode({ kty = "OKP", crv = "Ed25519", kid = "cell-1", x = "AAAA" })
  }

  expect_failures = [var.identity_key]
}

run "another_kind_of_key" {
  command = plan

  variables {
    route_keys = [{ kty = "EC", crv = "P-256", kid = "k1", x = "AAAA" }]
  }

  expect_failures = [var.route_keys]
}

run "a_missing_alarm" {
  command = plan

  variables {
    objectives = {
      alarms = {
        errors          = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
        throttles       = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
        relayLagSeconds = { threshold = 60, periodSeconds = 60, evaluations = 5, breaching = 5 }
        queueAgeSeconds = { threshold = 120, periodSeconds = 60, evaluations = 5, breaching = 5 }
        deadLetters     = { threshold = 1, periodSeconds = 60, evaluations = 1, breaching = 1 }
      }
      consumers = {}
    }
  }

  expect_failures = [var.objectives]
}

run "an_unknown_consumer" {
  command = plan

  variables {
    objectives = {
      alarms = {
        errors          = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
        throttles       = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
        relayLagSeconds = { threshold = 60, periodSeconds = 60, evaluations = 5, breaching = 5 }
        queueAgeSeconds = { threshold = 120, periodSeconds = 60, evaluations = 5, breaching = 5 }
        deadLetters     = { threshold = 1, periodSeconds = 60, evaluations = 1, breaching = 1 }
        parked          = { threshold = 10, periodSeconds = 300, evaluations = 1, breaching = 1 }
      }
      consumers = { nobody = {} }
    }
  }

  expect_failures = [var.objectives]
}

run "an_odd_period" {
  command = plan

  variables {
    objectives = {
      alarms = {
        errors          = { threshold = 1, periodSeconds = 61, evaluations = 5, breaching = 3 }
        throttles       = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 3 }
        relayLagSeconds = { threshold = 60, periodSeconds = 60, evaluations = 5, breaching = 5 }
        queueAgeSeconds = { threshold = 120, periodSeconds = 60, evaluations = 5, breaching = 5 }
        deadLetters     = { threshold = 1, periodSeconds = 60, evaluations = 1, breaching = 1 }
        parked          = { threshold = 10, periodSeconds = 300, evaluations = 1, breaching = 1 }
      }
      consumers = {}
    }
  }

  expect_failures = [var.objectives]
}

run "no_time_for_replication" {
  command = plan

  variables {
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
      cells     = { lagSeconds = 0 }
    }
  }

  expect_failures = [var.objectives]
}

run "a_malformed_address" {
  command = plan

  variables {
    alarm_emails = ["ops"]
  }

  expect_failures = [var.alarm_emails]
}

run "a_retention_of_a_day" {
  command = plan

  variables {
    log_retention_days = 1
  }

  expect_failures = [var.log_retention_days]
}

run "a_missing_package" {
  command = plan

  variables {
    release = { version = "1", artifacts = { http = "tests/unit/package.txt" } }
  }

  expect_failures = [var.release]
}

run "a_burst_below_the_rate" {
  command = plan

  variables {
    options = { throttling_rate = 10, throttling_burst = 5 }
  }

  expect_failures = [var.options]
}

run "a_domain_without_certificate" {
  command = plan

  variables {
    cell = { id = "aws-test", cloud = "aws", region = "eu-central-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs22", domain = "cell.example.com" }
  }

  expect_failures = [var.options]
}

run "a_single_zone" {
  command = plan

  variables {
    options = { availability_zones = 1 }
  }

  expect_failures = [var.options]
}

run "another_region" {
  command = plan

  variables {
    cell = { id = "aws-test", cloud = "aws", region = "eu-west-1", jurisdiction = "eu", cidr = "10.1.0.0/16", runtime = "nodejs22" }
  }

  expect_failures = [terraform_data.region]
}

run "a_collector_without_tls" {
  command = plan

  variables {
    telemetry = { endpoint = "http://otlp.example.com" }
  }

  expect_failures = [var.telemetry]
}

run "a_share_above_one" {
  command = plan

  variables {
    telemetry = { endpoint = "https://otlp.example.com", share = 2 }
  }

  expect_failures = [var.telemetry]
}

run "headers_without_a_name" {
  command = plan

  variables {
    telemetry_headers = "secret"
  }

  expect_failures = [var.telemetry_headers]
}
