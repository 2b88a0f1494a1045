# Each validation of a variable, by a value that it must refuse. Run against variables.tf alone, which needs no provider.

variables {
  account_id = "00000000000000000000000000000000"
  zone_id    = "00000000000000000000000000000000"
  edge = {
    name              = "edge"
    hostname          = "edge.example.com"
    routes            = []
    compatibilityDate = "2026-04-15"
    issuer            = "https://issuer.example.com/"
    jwksUrl           = "https://issuer.example.com/keys"
    quotas            = { standard = { perSecond = 1, burst = 1 }, premium = { perSecond = 1, burst = 1 } }
    forwardTimeoutMs  = 10000
    crossOrigin       = { browsers = [], webhooks = [] }
    monitor           = {}
    wakeMonitor       = "* * * * *"
    migrations        = [{ tag = "v1", newSqliteClasses = ["A"] }]
  }
  release       = { version = "1", artifacts = { edge = "edge.mjs" } }
  console_files = "web"
}

run "what_it_takes" {
  command = plan
}

run "a_short_account" {
  command = plan

  variables {
    account_id = "abc"
  }

  expect_failures = [var.account_id]
}

run "a_short_zone" {
  command = plan

  variables {
    zone_id = "abc"
  }

  expect_failures = [var.zone_id]
}

run "a_bare_host" {
  command = plan

  variables {
    edge = {
      name              = "edge"
      hostname          = "edge"
      routes            = []
      compatibilityDate = "2026-04-15"
      issuer            = "https://issuer.example.com/"
      jwksUrl           = "https://issuer.example.com/keys"
      quotas            = { standard = { perSecond = 1, burst = 1 }, premium = { perSecond = 1, burst = 1 } }
      forwardTimeoutMs  = 10000
      crossOrigin       = { browsers = [], webhooks = [] }
      monitor           = {}
      wakeMonitor       = "* * * * *"
      migrations        = [{ tag = "v1", newSqliteClasses = ["A"] }]
    }
  }

  expect_failures = [var.edge]
}

run "a_missing_tier" {
  command = plan

  variables {
    edge = {
      name              = "edge"
      hostname          = "edge.example.com"
      routes            = []
      compatibilityDate = "2026-04-15"
      issuer            = "https://issuer.example.com/"
      jwksUrl           = "https://issuer.example.com/keys"
      quotas            = { standard = { perSecond = 1, burst = 1 } }
      forwardTimeoutMs  = 10000
      crossOrigin       = { browsers = [], webhooks = [] }
      monitor           = {}
      wakeMonitor       = "* * * * *"
      migrations        = [{ tag = "v1", newSqliteClasses = ["A"] }]
    }
  }

  expect_failures = [var.edge]
}

run "a_long_timeout" {
  command = plan

  variables {
    edge = {
      name              = "edge"
      hostname          = "edge.example.com"
      routes            = []
      compatibilityDate = "2026-04-15"
      issuer            = "https://issuer.example.com/"
      jwksUrl           = "https://issuer.example.com/keys"
      quotas            = { standard = { perSecond = 1, burst = 1 }, premium = { perSecond = 1, burst = 1 } }
      forwardTimeoutMs  = 60001
      crossOrigin       = { browsers = [], webhooks = [] }
      monitor           = {}
      wakeMonitor       = "* * * * *"
      migrations        = [{ tag = "v1", newSqliteClasses = ["A"] }]
    }
  }

  expect_failures = [var.edge]
}

run "no_migration" {
  command = plan

  variables {
    edge = {
      name              = "edge"
      hostname          = "edge.example.com"
      routes            = []
      compatibilityDate = "2026-04-15"
      issuer            = "https://issuer.example.com/"
      jwksUrl           = "https://issuer.example.com/keys"
      quotas            = { standard = { perSecond = 1, burst = 1 }, premium = { perSecond = 1, burst = 1 } }
      forwardTimeoutMs  = 10000
      crossOrigin       = { browsers = [], webhooks = [] }
      monitor           = {}
      wakeMonitor       = "* * * * *"
      migrations        = []
    }
  }

  expect_failures = [var.edge]
}

run "keys_by_http" {
  command = plan

  variables {
    edge = {
      name              = "edge"
      hostname          = "edge.example.com"
      routes            = []
      compatibilityDate = "2026-04-15"
      issuer            = "https://issuer.example.com/"
      jwksUrl           = "http://issuer.example.com/keys"
      quotas            = { standard = { perSecond = 1, burst = 1 }, premium = { perSecond = 1, burst = 1 } }
      forwardTimeoutMs  = 10000
      crossOrigin       = { browsers = [], webhooks = [] }
      monitor           = {}
      wakeMonitor       = "* * * * *"
      migrations        = [{ tag = "v1", newSqliteClasses = ["A"] }]
    }
  }

  expect_failures = [var.edge]
}

run "a_release_without_the_edge" {
  command = plan

  variables {
    release = { version = "1", artifacts = {} }
  }

  expect_failures = [var.release]
}

run "a_migration_that_is_none" {
  command = plan

  variables {
    migrated_tag = "v9"
  }

  expect_failures = [var.migrated_tag]
}

run "no_certificate" {
  command = plan

  variables {
    device_authorities = "text"
  }

  expect_failures = [var.device_authorities]
}

run "operators_keys_by_http" {
  command = plan

  variables {
    edge = {
      name              = "edge"
      hostname          = "edge.example.com"
      routes            = []
      compatibilityDate = "2026-04-15"
      issuer            = "https://issuer.example.com/"
      jwksUrl           = "https://issuer.example.com/keys"
      operators         = { issuer = "https://login.example.com/", jwksUrl = "http://login.example.com/keys" }
      quotas            = { standard = { perSecond = 1, burst = 1 }, premium = { perSecond = 1, burst = 1 } }
      forwardTimeoutMs  = 10000
      crossOrigin       = { browsers = [], webhooks = [] }
      monitor           = {}
      wakeMonitor       = "* * * * *"
      migrations        = [{ tag = "v1", newSqliteClasses = ["A"] }]
    }
  }

  expect_failures = [var.edge]
}

run "no_console_files" {
  command = plan

  variables {
    console_files = ""
  }

  expect_failures = [var.console_files]
}

run "a_collector_without_tls" {
  command = plan

  variables {
    edge = {
      name              = "edge"
      hostname          = "edge.example.com"
      routes            = []
      compatibilityDate = "2026-04-15"
      issuer            = "https://issuer.example.com/"
      jwksUrl           = "https://issuer.example.com/keys"
      quotas            = { standard = { perSecond = 1, burst = 1 }, premium = { perSecond = 1, burst = 1 } }
      forwardTimeoutMs  = 10000
      crossOrigin       = { browsers = [], webhooks = [] }
      telemetry         = { endpoint = "http://otlp.example.com" }
      monitor           = {}
      wakeMonitor       = "* * * * *"
      migrations        = [{ tag = "v1", newSqliteClasses = ["A"] }]
    }
  }

  expect_failures = [var.edge]
}

run "an_availability_without_a_budget" {
  command = plan

  variables {
    objectives = { availability = 1 }
  }

  expect_failures = [var.objectives]
}

run "half_a_day_of_window" {
  command = plan

  variables {
    objectives = { windowDays = 7.5 }
  }

  expect_failures = [var.objectives]
}

run "no_time_to_the_state" {
  command = plan

  variables {
    objectives = { stateSeconds = 0 }
  }

  expect_failures = [var.objectives]
}
