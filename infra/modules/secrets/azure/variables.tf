variable "environment" {
  description = "Environment whose secrets these are, such as production; part of the vault's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "The environment must have 2 to 12 characters of a-z and 0-9, and begin with a letter: a vault's name has 24."
  }
}

variable "location" {
  description = "Region of the vault."
  type        = string
  nullable    = false
}

variable "resource_group" {
  description = "Name of the resource group of the vault."
  type        = string
  nullable    = false
}

variable "secrets" {
  description = "Secrets by name: what each is, and which principals (object ids) may read it and which may write new versions. Values never pass through here."
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
    condition     = alltrue(flatten([for secret in values(var.secrets) : [for id in setunion(secret.readers, secret.writers) : can(regex("^[0-9a-f-]{36}$", id))]]))
    error_message = "Readers and writers are object ids of principals."
  }
}

variable "recovery_days" {
  description = "Days for which a removed secret can be recovered."
  type        = number
  nullable    = false
  default     = 30

  validation {
    condition     = var.recovery_days >= 7 && var.recovery_days <= 90
    error_message = "A secret can be recovered for 7 to 90 days."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  nullable    = false
  default     = {}
}
