# Each validation of where telemetry goes, by a value that it must refuse.

variables {
  cell = { id = "azure-test", cloud = "azure", region = "westeurope", jurisdiction = "eu", cidr = "10.17.0.0/16", runtime = "nodejs22" }
  topology = {
    http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
    relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
    consumers               = [{ name = "rollups", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }]
    deadLetterRetentionDays = 14
  }
  release      = { version = "1", artifacts = {} }
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
  options = {
    resources = {
      cosmos     = { consistency = "Strong", containers = [] }
      serviceBus = { subscriptions = [{ name = "rollups_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "rollups", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
    }
  }
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
