variable "options" {
  description = "What only Azure has a setting for, and the generated resources of infra/azure.json."
  nullable    = false
  type = object({
    # The content of infra/azure.json.
    resources = object({
      cosmos = object({
        consistency = string
        containers = list(object({
          name                = string
          partitionKeyPaths   = list(string)
          partitionKeyVersion = number
          defaultTtl          = number
        }))
      })
      serviceBus = object({
        subscriptions = list(object({
          name             = string
          lockDuration     = string
          maxDeliveryCount = number
          rule = object({
            name      = string
            sqlFilter = string
          })
        }))
      })
    })
    # The most request units a second that the database may use; null makes the account serverless, which cannot be changed later.
    cosmos_max_throughput = optional(number)
    backup_tier           = optional(string, "Continuous7Days")
    service_bus_sku       = optional(string, "Standard")
    # Messaging units of a Premium namespace.
    service_bus_capacity = optional(number, 1)
    instance_memory_mb   = optional(number, 2048)
    maximum_instances    = optional(number, 100)
    # Instances that are kept warm for the API; each is paid for all the time.
    always_ready   = optional(number, 0)
    zone_redundant = optional(bool, false)
    # Part of the names that must be unique in all of Azure; worked out from subscription and cell without it.
    name_suffix = optional(string)
    # Id of the container registry that the image comes from, where it is one of Azure's: the cell's identity may pull from it. It must lie in the scope in which
    # the pipeline may give roles.
    registry_id = optional(string)
    # What single parts' containers (http, relay, consumers) differ in: processors in quarters, and how many there are.
    containers = optional(map(object({
      cpu     = optional(number)
      minimum = optional(number)
      maximum = optional(number)
    })), {})
  })

  validation {
    condition     = toset(var.options.resources.serviceBus.subscriptions[*].name) == toset(concat(var.topology.consumers[*].name, formatlist("%s_side", var.topology.consumers[*].name)))
    error_message = "infra/azure.json and infra/topology.json must declare the same consumers: run npm run generate."
  }

  validation {
    condition     = contains(["Standard", "Premium"], var.options.service_bus_sku) && contains([1, 2, 4, 8, 16], var.options.service_bus_capacity)
    error_message = "The Service Bus namespace must be Standard or Premium, a Premium one with 1, 2, 4, 8 or 16 messaging units."
  }

  validation {
    condition     = !var.private_network || var.options.service_bus_sku == "Premium"
    error_message = "A private network needs a Premium Service Bus namespace: Standard has no private endpoint."
  }

  validation {
    condition     = var.options.cosmos_max_throughput == null || try(var.options.cosmos_max_throughput >= 1000 && var.options.cosmos_max_throughput % 1000 == 0, false)
    error_message = "cosmos_max_throughput must be a multiple of 1,000 from 1,000, or null for a serverless account."
  }

  validation {
    condition     = contains(["Continuous7Days", "Continuous30Days"], var.options.backup_tier)
    error_message = "The backup tier must be Continuous7Days or Continuous30Days."
  }

  validation {
    condition     = contains([512, 2048, 4096], var.options.instance_memory_mb) && var.options.maximum_instances >= 1 && var.options.maximum_instances <= 1000 && var.options.always_ready >= 0
    error_message = "Instances have 512, 2,048 or 4,096 MB; there are 1 to 1,000 of them, and no fewer than none always ready."
  }

  validation {
    condition     = var.options.name_suffix == null || can(regex("^[a-z0-9]{4,8}$", var.options.name_suffix))
    error_message = "The name suffix must be 4 to 8 of a-z and 0-9."
  }

  validation {
    condition     = var.options.registry_id == null || can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.ContainerRegistry/registries/[^/]+$", var.options.registry_id))
    error_message = "registry_id must be the id of a container registry in Azure."
  }

  validation {
    condition     = var.cell.runtime != "container" || var.options.registry_id != null || !can(regex("^[a-z0-9]+\\.azurecr\\.io/", coalesce(var.release.image, "none")))
    error_message = "An image from Azure's registry needs its registry_id, by which the cell may pull it."
  }

  validation {
    condition     = length(setsubtract(keys(var.options.containers), concat(["http", "relay"], var.topology.consumers[*].name))) == 0
    error_message = "options.containers names a part that the cell has not: there are http, relay and the consumers."
  }

  validation {
    condition     = alltrue([for part in values(var.options.containers) : contains([0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2], coalesce(part.cpu, 0.25)) && coalesce(part.minimum, 1) >= 1 && coalesce(part.maximum, 300) >= coalesce(part.minimum, 1) && coalesce(part.maximum, 1) <= 300])
    error_message = "Containers have up to 2 processors, in quarters; there is at least one of each part, and the most, 300 or fewer, are no fewer than the least."
  }

  validation {
    condition     = alltrue([for name, part in var.options.containers : !contains(["http", "relay"], name) || coalesce(part.minimum, 2) >= 2])
    error_message = "There are at least two containers each of http and relay: losing one must not be felt."
  }
}
