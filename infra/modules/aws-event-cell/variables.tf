variable "cell" {
  description = "The cell's entry in infra/cells.json."
  nullable    = false
  type = object({
    id           = string
    cloud        = string
    region       = string
    jurisdiction = string
    cidr         = string
    runtime      = string
    domain       = optional(string)
  })

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.cell.id))
    error_message = "A cell's id has 3 to 32 characters of a-z, 0-9 and -, and begins with a letter."
  }

  validation {
    condition     = var.cell.cloud == "aws"
    error_message = "This module makes cells of the cloud aws."
  }

  validation {
    condition     = can(cidrnetmask(var.cell.cidr)) && tonumber(split("/", var.cell.cidr)[1]) <= 20
    error_message = "The CIDR must be an IPv4 network of at least 4,096 addresses, such as 10.10.0.0/16."
  }

  validation {
    condition     = contains(["nodejs20", "nodejs22", "nodejs24", "container"], var.cell.runtime)
    error_message = "The runtime must be nodejs20, nodejs22, nodejs24 or container."
  }
}

variable "topology" {
  description = "The content of infra/topology.json: functions, consumers and their limits."
  nullable    = false
  type = object({
    http = object({
      timeoutSeconds     = number
      memoryMegabytes    = number
      maximumConcurrency = number
    })
    relay = object({
      batchSize             = number
      batchWindowSeconds    = number
      parallelizationFactor = number
      maximumRetryAttempts  = number
      timeoutSeconds        = number
      memoryMegabytes       = number
      maximumConcurrency    = number
    })
    consumers = list(object({
      name               = string
      effects            = string
      types              = list(string)
      batchSize          = number
      batchWindowSeconds = number
      timeoutSeconds     = number
      memoryMegabytes    = number
      maximumConcurrency = number
      visibilitySeconds  = number
      maximumDeliveries  = number
    }))
    deadLetterRetentionDays = number
  })

  validation {
    condition     = length(var.topology.consumers) > 0 && length(distinct(var.topology.consumers[*].name)) == length(var.topology.consumers)
    error_message = "There must be at least one consumer, and each name must be used once."
  }

  validation {
    condition     = alltrue([for consumer in var.topology.consumers : consumer.visibilitySeconds >= 6 * consumer.timeoutSeconds])
    error_message = "A message must stay hidden for at least 6 times the timeout of its consumer's function."
  }

  validation {
    condition     = var.topology.relay.maximumRetryAttempts == -1
    error_message = "The relay must retry for as long as a fault lasts (maximumRetryAttempts = -1): a stream that gives up loses events."
  }
}

variable "release" {
  description = "What runs in the cell: its version, the path of each package (http, relay, worker) where the module deploys them, and in containers their image by digest."
  nullable    = false
  type = object({
    version   = string
    artifacts = map(string)
    image     = optional(string)
  })

  validation {
    condition     = length(var.release.version) > 0
    error_message = "The version must not be empty: the health check reports it."
  }

  validation {
    condition     = var.cell.runtime == "container" || toset(keys(var.release.artifacts)) == toset(["http", "relay", "worker"])
    error_message = "The release must name the packages http, relay and worker."
  }

  validation {
    condition     = var.release.image == null || can(regex("^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}$", var.release.image))
    error_message = "An image is named by registry, repository and digest: REGISTRY/REPOSITORY@sha256:…"
  }

  validation {
    condition     = var.cell.runtime != "container" || var.cluster != null || var.release.image != null
    error_message = "A cell in containers needs their image, by digest."
  }
}

variable "route_keys" {
  description = "Public Ed25519 keys of the edge as JSON Web Keys: one, or two while the key is rotated."
  nullable    = false
  type = list(object({
    kty = string
    crv = string
    kid = string
    x   = string
  }))

  validation {
    condition     = length(var.route_keys) >= 1 && length(var.route_keys) <= 2
    error_message = "There must be one route key, or two while the key is rotated."
  }

  validation {
    condition     = alltrue([for key in var.route_keys : key.kty == "OKP" && key.crv == "Ed25519" && length(key.kid) > 0 && length(key.x) > 0])
    error_message = "A route key must be a public Ed25519 key with kty OKP, crv Ed25519, kid and x."
  }
}

variable "route_audience" {
  description = "Whether the edge's tokens must name the cell's endpoint: required; optional until an edge that names none is upgraded."
  type        = string
  nullable    = false
  default     = "required"

  validation {
    condition     = contains(["required", "optional"], var.route_audience)
    error_message = "route_audience must be required or optional."
  }
}

variable "other_endpoints" {
  description = "A second origin that tokens may name, while the cell gets another address."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = length(var.other_endpoints) <= 1 && alltrue([for origin in var.other_endpoints : can(regex("^https://[a-z0-9.-]+$", origin))])
    error_message = "other_endpoints must be at most one https origin in lower case, without a path."
  }
}

variable "edge" {
  description = "Origin of the edge, which gives the cell its leases; none: effects that must happen once happen wherever their events are."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(none|https://[a-z0-9.-]+)$", var.edge))
    error_message = "edge must be an https origin in lower case, without a path, or none."
  }
}

variable "objectives" {
  description = "The content of infra/objectives.json: thresholds of the alarms, those of single consumers that differ, and what cells must keep."
  nullable    = false
  type = object({
    alarms = map(object({
      threshold     = number
      periodSeconds = number
      evaluations   = number
      breaching     = number
    }))
    consumers = map(map(object({
      threshold     = number
      periodSeconds = number
      evaluations   = number
      breaching     = number
    })))
    cells = optional(object({
      stateSeconds = optional(number, 10)
      lagSeconds   = optional(number, 30)
      rpoSeconds   = optional(number, 7200)
    }), {})
  })

  validation {
    condition     = toset(keys(var.objectives.alarms)) == toset(["deadLetters", "errors", "parked", "queueAgeSeconds", "relayLagSeconds", "throttles"])
    error_message = "The objectives must have the alarms deadLetters, errors, parked, queueAgeSeconds, relayLagSeconds and throttles."
  }

  validation {
    condition     = alltrue([for seconds in values(var.objectives.cells) : seconds > 0])
    error_message = "stateSeconds, lagSeconds and rpoSeconds must be above 0."
  }

  validation {
    condition     = length(setsubtract(keys(var.objectives.consumers), var.topology.consumers[*].name)) == 0
    error_message = "The objectives name a consumer that the topology does not declare."
  }

  validation {
    condition     = alltrue([for alarm in values(var.objectives.alarms) : contains([60, 300, 900, 1800, 3600], alarm.periodSeconds) && alarm.breaching <= alarm.evaluations])
    error_message = "A period must be 60, 300, 900, 1800 or 3600 seconds, and no more evaluations may have to breach than are made."
  }
}

variable "identity_key" {
  description = "Private Ed25519 key of the cell as a JSON Web Key, by which it proves its identity to the edge. The state holds it."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = can([jsondecode(var.identity_key).kid, jsondecode(var.identity_key).x, jsondecode(var.identity_key).d])
    error_message = "The identity key must be a private JSON Web Key with kid, x and d."
  }
}

variable "telemetry" {
  description = "Where spans and metrics are exported to: the address of a collector that takes OTLP/HTTP in JSON, none without one; and the share of traces that are sampled, the same in every cell and at the edge."
  type = object({
    endpoint = optional(string, "")
    share    = optional(number, 0.05)
  })
  nullable = false
  default  = {}

  validation {
    condition     = can(regex("^(https://[^ ?#]+)?$", var.telemetry.endpoint))
    error_message = "The collector must be an https address, or empty."
  }

  validation {
    condition     = var.telemetry.share >= 0 && var.telemetry.share <= 1
    error_message = "The share must be from 0 to 1."
  }
}

variable "telemetry_headers" {
  description = "Headers for the collector, such as a key: name=value with commas in between, values percent-encoded. The state holds them."
  type        = string
  nullable    = false
  sensitive   = true
  default     = ""

  validation {
    condition     = can(regex("^([^=,]+=[^,]*(,[^=,]+=[^,]*)*)?$", var.telemetry_headers))
    error_message = "The headers must be name=value with commas in between."
  }
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to."
  type        = set(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "An address must look like name@example.com."
  }
}

variable "private_network" {
  description = "Whether the functions reach store and bus through a private network in the cell's CIDR rather than the services' public endpoints."
  type        = bool
  nullable    = false
  default     = false

  validation {
    condition     = var.private_network || var.cell.runtime != "container" || var.cluster != null
    error_message = "Containers on AWS run in a network: set private_network."
  }

  validation {
    condition     = !var.private_network || var.cluster == null
    error_message = "A cluster has a network of its own: private_network must be off."
  }
}

variable "deletion_protection" {
  description = "Whether the stores refuse to be deleted. Switch it off in an apply of its own before the cell is retired."
  type        = bool
  nullable    = false
  default     = true
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  nullable    = false
  default     = 30

  validation {
    condition     = contains([30, 60, 90, 120, 180, 365, 545, 730], var.log_retention_days)
    error_message = "Logs are kept for 30, 60, 90, 120, 180, 365, 545 or 730 days, which both clouds know."
  }
}

variable "tags" {
  description = "Tags of all resources, beside those that name the cell."
  type        = map(string)
  nullable    = false
  default     = {}
}

variable "options" {
  description = "What only AWS has a setting for."
  nullable    = false
  default     = {}
  type = object({
    # Of the account's concurrency. New accounts refuse any reservation: docs/deploy.md has the quota step.
    reserve_concurrency = optional(bool, false)
    # Requests a second and burst that the HTTP API lets through.
    throttling_rate  = optional(number, 500)
    throttling_burst = optional(number, 1000)
    # Encrypt tables, queues, topics and logs with a key of the account's own instead of AWS's.
    customer_managed_key = optional(bool, false)
    # ARN of a certificate in ACM for the cell's domain.
    certificate_arn    = optional(string)
    availability_zones = optional(number, 2)
    # ARN of the policy that bounds the functions' roles, where the pipeline may make none without it.
    permissions_boundary = optional(string)
    # Whether a private network has a way out, to the edge, to other cells and to a collector; without it, containers have one and functions none.
    internet = optional(bool)
    # What single parts' containers (http, relay, consumers) differ in: units of a processor (1,024 are one), and how many there are.
    containers = optional(map(object({
      cpu     = optional(number)
      minimum = optional(number)
      maximum = optional(number)
    })), {})
  })

  validation {
    condition     = var.options.throttling_rate >= 1 && var.options.throttling_burst >= var.options.throttling_rate
    error_message = "The throttling rate must be at least 1, and the burst no less than the rate."
  }

  validation {
    condition     = (var.cell.domain == null) == (var.options.certificate_arn == null)
    error_message = "A cell with a domain needs a certificate_arn, and one without needs none."
  }

  validation {
    condition     = var.options.availability_zones >= 2 && var.options.availability_zones <= 3
    error_message = "A private network spans 2 or 3 availability zones."
  }

  validation {
    condition     = length(setsubtract(keys(var.options.containers), concat(["http", "relay"], var.topology.consumers[*].name))) == 0
    error_message = "options.containers names a part that the cell has not: there are http, relay and the consumers."
  }

  validation {
    condition     = alltrue([for part in values(var.options.containers) : contains([256, 512, 1024, 2048, 4096], coalesce(part.cpu, 256)) && coalesce(part.minimum, 1) >= 1 && coalesce(part.maximum, 1000) >= coalesce(part.minimum, 1)])
    error_message = "Containers have 256, 512, 1,024, 2,048 or 4,096 units of a processor; there is at least one of each part, and the most are no fewer than the least."
  }

  validation {
    condition     = alltrue([for name, part in var.options.containers : !contains(["http", "relay"], name) || coalesce(part.minimum, 2) >= 2])
    error_message = "There are at least two containers each of http and relay: losing one must not be felt."
  }

  validation {
    condition     = coalesce(var.options.internet, true) || var.cell.runtime != "container" || var.release.image == null || can(regex("^\\d{12}\\.dkr\\.ecr\\.${var.cell.region}\\.", var.release.image))
    error_message = "Without a way out, containers can get their image from ECR in their own region alone."
  }
}
