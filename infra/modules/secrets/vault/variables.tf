variable "environment" {
  description = "Environment whose secrets these are, such as production; part of paths and names."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{2,30}$", var.environment))
    error_message = "The environment must have 2 to 30 characters of a-z, 0-9 and -."
  }
}

variable "secrets" {
  description = "Secrets by name: what each is, and which subjects of GitHub's tokens may read it and which may write new versions. Values never pass through here."
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
    condition     = alltrue(flatten([for secret in values(var.secrets) : [for subject in setunion(secret.readers, secret.writers) : startswith(subject, "repo:") && !strcontains(subject, "*")]]))
    error_message = "Readers and writers are subjects that begin with repo: and have no wildcard."
  }
}

variable "versions" {
  description = "Versions of a secret that are kept: at least the two of a rotation."
  type        = number
  nullable    = false
  default     = 4

  validation {
    condition     = var.versions >= 2 && var.versions <= 20
    error_message = "There must be 2 to 20 versions."
  }
}
