# Each validation that concerns containers, by a value that it must refuse.

variables {
  cell = { id = "azure-test", cloud = "azure", region = "westeurope", jurisdiction = "eu", cidr = "10.17.0.0/16", runtime = "container" }
  topology = {
    http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
    relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
    consumers               = [{ name = "rollups", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }]
    deadLetterRetentionDays = 14
  }
  release      = { version = "1", artifacts = {}, image = "ghcr.io/team/polycell-azure@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
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
    release = { version = "1", artifacts = {}, image = "ghcr.io/team/polycell-azure:1" }
  }

  expect_failures = [var.release]
}

run "a_network_beside_a_cluster" {
  command = plan

  variables {
    private_network = true
    cluster         = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A" }
    options = {
      service_bus_sku = "Premium"
      resources = {
        cosmos     = { consistency = "Strong", containers = [] }
        serviceBus = { subscriptions = [{ name = "rollups_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "rollups", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
      }
    }
  }

  expect_failures = [var.private_network]
}

run "a_cluster_for_functions" {
  command = plan

  variables {
    cell    = { id = "azure-test", cloud = "azure", region = "westeurope", jurisdiction = "eu", cidr = "10.17.0.0/16", runtime = "nodejs22" }
    cluster = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A" }
  }

  expect_failures = [var.cluster]
}

run "a_cluster_without_tls" {
  command = plan

  variables {
    cluster = { endpoint = "http://cell.example.com", issuer = "https://oidc.example.com/id/A" }
  }

  expect_failures = [var.cluster]
}

run "an_issuer_with_a_slash" {
  command = plan

  variables {
    cluster = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A/" }
  }

  expect_failures = [var.cluster]
}

run "a_namespace_in_capitals" {
  command = plan

  variables {
    cluster = { endpoint = "https://cell.example.com", issuer = "https://oidc.example.com/id/A", namespace = "Cells" }
  }

  expect_failures = [var.cluster]
}

run "azures_registry_without_its_id" {
  command = plan

  variables {
    release = { version = "1", artifacts = {}, image = "team.azurecr.io/polycell-azure@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
  }

  expect_failures = [var.options]
}

run "a_registry_by_name" {
  command = plan

  variables {
    options = {
      registry_id = "team"
      resources = {
        cosmos     = { consistency = "Strong", containers = [] }
        serviceBus = { subscriptions = [{ name = "rollups_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "rollups", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
      }
    }
  }

  expect_failures = [var.options]
}

run "containers_of_no_part" {
  command = plan

  variables {
    options = {
      containers = { mails = { maximum = 3 } }
      resources = {
        cosmos     = { consistency = "Strong", containers = [] }
        serviceBus = { subscriptions = [{ name = "rollups_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "rollups", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
      }
    }
  }

  expect_failures = [var.options]
}

run "a_tenth_of_a_processor" {
  command = plan

  variables {
    options = {
      containers = { http = { cpu = 0.1 } }
      resources = {
        cosmos     = { consistency = "Strong", containers = [] }
        serviceBus = { subscriptions = [{ name = "rollups_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "rollups", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
      }
    }
  }

  expect_failures = [var.options]
}

run "fewer_than_the_least" {
  command = plan

  variables {
    options = {
      containers = { rollups = { minimum = 4, maximum = 3 } }
      resources = {
        cosmos     = { consistency = "Strong", containers = [] }
        serviceBus = { subscriptions = [{ name = "rollups_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "rollups", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
      }
    }
  }

  expect_failures = [var.options]
}

run "a_single_relay" {
  command = plan

  variables {
    options = {
      containers = { relay = { minimum = 1 } }
      resources = {
        cosmos     = { consistency = "Strong", containers = [] }
        serviceBus = { subscriptions = [{ name = "rollups_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "rollups", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
      }
    }
  }

  expect_failures = [var.options]
}

run "a_long_name_of_a_consumer" {
  command = plan

  variables {
    topology = {
      http                    = { timeoutSeconds = 15, memoryMegabytes = 512, maximumConcurrency = 100 }
      relay                   = { batchSize = 200, batchWindowSeconds = 0, parallelizationFactor = 2, maximumRetryAttempts = -1, timeoutSeconds = 30, memoryMegabytes = 512, maximumConcurrency = 2 }
      consumers               = [{ name = "a-consumer-with-a-name-of-36-charact", effects = "derived", types = ["t"], batchSize = 500, batchWindowSeconds = 1, timeoutSeconds = 20, memoryMegabytes = 512, maximumConcurrency = 10, visibilitySeconds = 120, maximumDeliveries = 100 }]
      deadLetterRetentionDays = 14
    }
    options = {
      resources = {
        cosmos     = { consistency = "Strong", containers = [] }
        serviceBus = { subscriptions = [{ name = "a-consumer-with-a-name-of-36-charact_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "a-consumer-with-a-name-of-36-charact", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
      }
    }
  }

  expect_failures = [var.topology]
}

run "what_is_right" {
  command = plan

  variables {
    release = { version = "1", artifacts = {}, image = "team.azurecr.io/polycell-azure@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
    options = {
      registry_id = "/subscriptions/1/resourceGroups/shared/providers/Microsoft.ContainerRegistry/registries/team"
      containers  = { http = { cpu = 0.5, maximum = 40 } }
      resources = {
        cosmos     = { consistency = "Strong", containers = [] }
        serviceBus = { subscriptions = [{ name = "rollups_side", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }, { name = "rollups", lockDuration = "PT120S", maxDeliveryCount = 100, rule = { name = "topology", sqlFilter = "TRUE" } }] }
      }
    }
  }

  assert {
    condition     = var.options.containers["http"].maximum == 40 && var.cluster == null
    error_message = "An image from Azure's registry must be taken with its registry."
  }
}
