variable "account_id" {
  description = "Id of the Cloudflare account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "An account id has 32 hexadecimal digits."
  }
}

variable "zone_id" {
  description = "Id of the zone that host name and routes lie in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.zone_id))
    error_message = "A zone id has 32 hexadecimal digits."
  }
}

variable "edge" {
  description = "The content of infra/edge.json: name, addresses and settings of the edge."
  nullable    = false
  type = object({
    name              = string
    hostname          = string
    routes            = list(string)
    compatibilityDate = string
    issuer            = string
    jwksUrl           = string
    operators         = optional(map(string), {})
    quotas            = map(map(number))
    forwardTimeoutMs  = number
    monitor           = map(number)
    trust             = optional(map(string), {})
    console           = optional(map(string), {})
    crossOrigin       = object({ browsers = list(string), webhooks = list(string) })
    telemetry         = optional(object({ endpoint = optional(string, ""), share = optional(number, 0.05) }), {})
    wakeMonitor       = string
    migrations        = list(object({ tag = string, newSqliteClasses = list(string) }))
  })

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.edge.hostname))
    error_message = "The host name must be a name such as edge.example.com."
  }

  validation {
    condition     = toset(keys(var.edge.quotas)) == toset(["premium", "standard"])
    error_message = "There must be a quota for each tier: standard and premium."
  }

  validation {
    condition     = var.edge.forwardTimeoutMs >= 100 && var.edge.forwardTimeoutMs <= 60000
    error_message = "A cell may take 100 to 60,000 milliseconds."
  }

  validation {
    condition     = length(var.edge.migrations) > 0 && length(distinct(var.edge.migrations[*].tag)) == length(var.edge.migrations)
    error_message = "There must be at least one migration, and each tag must be used once."
  }

  validation {
    condition     = can(regex("^(https://[^ ?#]+)?$", var.edge.telemetry.endpoint)) && var.edge.telemetry.share >= 0 && var.edge.telemetry.share <= 1
    error_message = "The collector must be an https address, or empty, and the share of traces from 0 to 1."
  }

  validation {
    condition     = startswith(var.edge.jwksUrl, "https://")
    error_message = "The issuer's keys must be fetched by HTTPS."
  }

  validation {
    condition     = startswith(lookup(var.edge.operators, "jwksUrl", "https://"), "https://")
    error_message = "The keys of the operators' issuer must be fetched by HTTPS."
  }
}

variable "objectives" {
  description = "The cells of infra/objectives.json: what their error budgets are judged by."
  nullable    = false
  type = object({
    availability = optional(number, 0.999)
    windowDays   = optional(number, 30)
    stateSeconds = optional(number, 10)
    lagSeconds   = optional(number, 30)
    rpoSeconds   = optional(number, 7200)
  })
  default = {}

  validation {
    condition     = var.objectives.availability > 0 && var.objectives.availability < 1
    error_message = "The availability must be above 0 and below 1."
  }

  validation {
    condition     = var.objectives.windowDays >= 1 && var.objectives.windowDays <= 92 && floor(var.objectives.windowDays) == var.objectives.windowDays
    error_message = "The window must be a whole number of days from 1 to 92."
  }

  validation {
    condition     = alltrue([for seconds in [var.objectives.stateSeconds, var.objectives.lagSeconds, var.objectives.rpoSeconds] : seconds > 0 && seconds <= 31536000])
    error_message = "The seconds of each objective must be above 0 and at most 31,536,000."
  }
}

variable "release" {
  description = "What runs at the edge: its version, and the path of the package edge."
  nullable    = false
  type = object({
    version   = string
    artifacts = map(string)
  })

  validation {
    condition     = length(var.release.version) > 0 && contains(keys(var.release.artifacts), "edge")
    error_message = "The release must have a version and the package edge."
  }
}

variable "console_files" {
  description = "Path of the folder with the console's files: web, of the same checkout as the release."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.console_files) > 0
    error_message = "The console's files must be in a folder."
  }
}

variable "migrated_tag" {
  description = "Tag of the last migration that the deployed Worker has gone through; null before its first deployment."
  type        = string
  default     = null
  # Null is a value here.
  nullable = true

  validation {
    condition     = var.migrated_tag == null || contains(var.edge.migrations[*].tag, coalesce(var.migrated_tag, "none"))
    error_message = "The migrated tag must be one of the edge's migrations."
  }
}

variable "device_authorities" {
  description = "PEM of one to four certificates of authorities that sign devices' certificates; none if no device connects by one."
  type        = string
  nullable    = false
  default     = "none"

  validation {
    condition     = var.device_authorities == "none" || length(regexall("-----BEGIN CERTIFICATE-----", var.device_authorities)) >= 1 && length(regexall("-----BEGIN CERTIFICATE-----", var.device_authorities)) <= 4
    error_message = "There must be one to four certificates as PEM, or none."
  }
}
