variable "environment" {
  description = "Environment whose secrets these are, such as production; part of their names."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{2,30}$", var.environment))
    error_message = "The environment must have 2 to 30 characters of a-z, 0-9 and -."
  }
}

variable "secrets" {
  description = "Secrets by name: what each is, and which identities may read it and which may write new versions. Values never pass through here."
  nullable    = false
  type = map(object({
    description = string
    readers     = optional(set(string), [])
    writers     = optional(set(string), [])
  }))

  validation {
    condition     = length(var.secrets) > 0 && alltrue([for name in keys(var.secrets) : can(regex("^[a-z0-9-]{2,60}$", name))])
    error_message = "There must be at least one secret, each with a name of 2 to 60 characters of a-z, 0-9 and -."
  }

  validation {
    condition     = alltrue(flatten([for secret in values(var.secrets) : [for arn in setunion(secret.readers, secret.writers) : can(regex("^arn:[^*]+$", arn))]]))
    error_message = "Readers and writers are ARNs of roles, without wildcards."
  }
}

variable "recovery_days" {
  description = "Days for which a removed secret can be recovered."
  type        = number
  nullable    = false
  default     = 30

  validation {
    condition     = var.recovery_days >= 7 && var.recovery_days <= 30
    error_message = "A secret can be recovered for 7 to 30 days."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  nullable    = false
  default     = {}
}
