# One topic, and for each consumer a subscription in each lane with its filter; dead-letter queues are part of subscriptions.

resource "azurerm_servicebus_namespace" "cell" {
  name                          = local.unique
  location                      = local.location
  resource_group_name           = azurerm_resource_group.cell.name
  sku                           = var.options.service_bus_sku
  capacity                      = var.options.service_bus_sku == "Premium" ? var.options.service_bus_capacity : 0
  premium_messaging_partitions  = var.options.service_bus_sku == "Premium" ? 1 : 0
  local_auth_enabled            = false
  minimum_tls_version           = "1.2"
  public_network_access_enabled = !var.private_network
  tags                          = local.tags
}

resource "azurerm_servicebus_topic" "events" {
  name                       = "${local.id}-events"
  namespace_id               = azurerm_servicebus_namespace.cell.id
  batched_operations_enabled = true
  # As long as dead letters are kept on AWS: an outage of a consumer may last.
  default_message_ttl   = "P${var.topology.deadLetterRetentionDays}D"
  max_size_in_megabytes = 5120
}

resource "azurerm_servicebus_subscription" "consumer" {
  for_each                                  = local.subscriptions
  name                                      = each.key
  topic_id                                  = azurerm_servicebus_topic.events.id
  lock_duration                             = each.value.lockDuration
  max_delivery_count                        = each.value.maxDeliveryCount
  batched_operations_enabled                = true
  dead_lettering_on_message_expiration      = true
  dead_lettering_on_filter_evaluation_error = true
}

# The only rule: the root's provider removes $Default, which would let every event through.
resource "azurerm_servicebus_subscription_rule" "side" {
  for_each        = { for name, subscription in local.subscriptions : name => subscription if !contains(keys(local.consumers), name) }
  name            = each.value.rule.name
  subscription_id = azurerm_servicebus_subscription.consumer[each.key].id
  filter_type     = "SqlFilter"
  sql_filter      = each.value.rule.sqlFilter
}

resource "azurerm_servicebus_subscription_rule" "consumer" {
  for_each        = local.consumers
  name            = local.subscriptions[each.key].rule.name
  subscription_id = azurerm_servicebus_subscription.consumer[each.key].id
  filter_type     = "SqlFilter"
  sql_filter      = local.subscriptions[each.key].rule.sqlFilter

  # Until the side lane is there, all events come here.
  depends_on = [azurerm_servicebus_subscription_rule.side]
}
