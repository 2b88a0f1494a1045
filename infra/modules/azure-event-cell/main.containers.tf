# The cell in containers, where its runtime says so: one container app a part, from the image that the release names. Every part that the topology
# declares has one. Consumers are scaled by their processors: counting messages is an administrator's right on Service Bus.

locals {
  parts = {
    for name, limits in merge({ http = var.topology.http, relay = var.topology.relay }, local.consumers) : name => {
      memory = limits.memoryMegabytes
      kind   = contains(["http", "relay"], name) ? name : "worker"
    } if local.in_apps
  }

  # What the image's process opens (containers/Dockerfile).
  container_ports = { http = 8080, health = 8081 }

  # A processor comes with 2 GB of memory, both in steps of a quarter.
  container_steps = { for name, part in local.parts : name => min(8, max(ceil(part.memory / 512), ceil(coalesce(try(var.options.containers[name].cpu, null), 0.25) * 4))) }

  # As in infra/kubernetes: two of what serves or relays, so that losing one is not felt; one consumer at least, as the first event would wait for it.
  container_counts = {
    for name, part in local.parts : name => {
      minimum = coalesce(try(var.options.containers[name].minimum, null), part.kind == "worker" ? 1 : 2)
      maximum = coalesce(try(var.options.containers[name].maximum, null), max(coalesce(try(var.options.containers[name].minimum, null), 1), { http = 20, relay = 8, worker = 10 }[part.kind]))
    }
  }

  # What containers read beside the settings of the app, and what the API alone.
  container_settings      = { APP_HEALTH_PORT = tostring(local.container_ports.health) }
  http_container_settings = { APP_PORT = tostring(local.container_ports.http) }

  container_environments = {
    for name, part in local.parts : name => merge(
      local.cell_settings,
      { for key, value in local.edge_settings : key => value if part.kind != "relay" },
      { for key, value in merge(local.http_settings, local.http_container_settings) : key => value if part.kind == "http" },
      local.container_settings,
      { APP_RUN = name },
    )
  }

  # A secret of an app cannot be taken away from it again (microsoft/azure-container-apps issue 395), so headers are one only where there are some.
  has_headers = nonsensitive(var.telemetry_headers != "")

  container_secrets = {
    for name, part in local.parts : name => concat(part.kind == "relay" ? [] : keys(local.key_settings), local.has_headers ? keys(local.header_settings) : [])
  }

  secret_values = merge(local.key_settings, local.header_settings)
}

resource "azurerm_container_app_environment" "cell" {
  count               = local.in_apps ? 1 : 0
  name                = local.id
  location            = local.location
  resource_group_name = azurerm_resource_group.cell.name
  # Logs come to the workspace by a diagnostic setting: it takes none by key.
  logs_destination         = "azure-monitor"
  infrastructure_subnet_id = var.private_network ? azurerm_subnet.containers[0].id : null
  zone_redundancy_enabled  = var.private_network ? var.options.zone_redundant : null
  tags                     = local.tags

  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }

  lifecycle {
    # Azure names it where there is a network; none of ours would replace the environment (https://github.com/hashicorp/terraform-provider-azurerm/issues/31839).
    ignore_changes = [infrastructure_resource_group_name]
  }
}

resource "azurerm_monitor_diagnostic_setting" "containers" {
  count                      = local.in_apps ? 1 : 0
  name                       = "workspace"
  target_resource_id         = azurerm_container_app_environment.cell[0].id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.cell.id

  enabled_log {
    category = "ContainerAppConsoleLogs"
  }

  enabled_log {
    category = "ContainerAppSystemLogs"
  }
}

resource "azurerm_container_app" "part" {
  for_each                     = local.parts
  name                         = each.key
  resource_group_name          = azurerm_resource_group.cell.name
  container_app_environment_id = azurerm_container_app_environment.cell[0].id
  workload_profile_name        = "Consumption"
  # A new revision takes over once it is ready, and not before.
  revision_mode = "Single"
  tags          = merge(local.tags, { part = each.key })

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.app.id]
  }

  dynamic "registry" {
    for_each = var.options.registry_id == null ? [] : [split("/", var.release.image)[0]]
    content {
      server   = registry.value
      identity = azurerm_user_assigned_identity.app.id
    }
  }

  dynamic "secret" {
    for_each = toset(local.container_secrets[each.key])
    content {
      name  = lower(replace(secret.value, "_", "-"))
      value = local.secret_values[secret.value]
    }
  }

  template {
    min_replicas = local.container_counts[each.key].minimum
    max_replicas = local.container_counts[each.key].maximum
    # Longer than a container takes to end in order: 5 s until it is not sent to, and 40 s for what is under way.
    termination_grace_period_seconds = 60

    container {
      name   = "polycell"
      image  = var.release.image
      cpu    = local.container_steps[each.key] * 0.25
      memory = "${local.container_steps[each.key] * 0.5}Gi"

      dynamic "env" {
        for_each = local.container_environments[each.key]
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = toset(local.container_secrets[each.key])
        content {
          name        = env.value
          secret_name = lower(replace(env.value, "_", "-"))
        }
      }

      startup_probe {
        transport               = "HTTP"
        port                    = local.container_ports.health
        path                    = "/healthz"
        interval_seconds        = 2
        timeout                 = 2
        failure_count_threshold = 30
      }

      liveness_probe {
        transport               = "HTTP"
        port                    = local.container_ports.health
        path                    = "/healthz"
        interval_seconds        = 10
        timeout                 = 5
        failure_count_threshold = 6
      }

      readiness_probe {
        transport               = "HTTP"
        port                    = local.container_ports.health
        path                    = "/readyz"
        interval_seconds        = 2
        timeout                 = 2
        failure_count_threshold = 2
        success_count_threshold = 1
      }
    }

    dynamic "http_scale_rule" {
      for_each = each.value.kind == "http" ? [true] : []
      content {
        name = "requests"
        # Half of what a container takes at once (containers/api-server.ts).
        concurrent_requests = "32"
      }
    }

    dynamic "custom_scale_rule" {
      for_each = each.value.kind == "http" ? [] : [true]
      content {
        name             = "load"
        custom_rule_type = "cpu"
        metadata         = { type = "Utilization", value = "70" }
      }
    }
  }

  # TLS ends at the ingress; nothing but the API has one.
  dynamic "ingress" {
    for_each = each.value.kind == "http" ? [true] : []
    content {
      external_enabled           = true
      allow_insecure_connections = false
      transport                  = "http"
      target_port                = local.container_ports.http

      traffic_weight {
        latest_revision = true
        percentage      = 100
      }
    }
  }

  # A container that starts before it may call what it calls ends.
  depends_on = [
    azurerm_cosmosdb_sql_container.this,
    azurerm_cosmosdb_sql_role_assignment.app,
    azurerm_private_dns_zone_virtual_network_link.this,
    azurerm_private_endpoint.this,
    azurerm_role_assignment.publish,
    azurerm_role_assignment.pull,
    azurerm_role_assignment.receive,
    azurerm_servicebus_subscription_rule.consumer,
  ]
}
