variable "name" {
  description = "Beginning of the names of identities and roles."
  type        = string
  nullable    = false
  default     = "polycell"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "The name must have 3 to 31 characters of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "location" {
  description = "Region of the identities."
  type        = string
  nullable    = false
}

variable "resource_group" {
  description = "Name of the resource group of the identities; not one of a cell, which goes when its cell goes."
  type        = string
  nullable    = false
}

variable "scope" {
  description = "Id of the subscription, or of the resource group, that the cells are made in. A subscription of its own bounds best."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^/subscriptions/[0-9a-f-]{36}(/resourceGroups/[^/]+)?$", var.scope))
    error_message = "The scope must be the id of a subscription or of a resource group."
  }
}

variable "state_container" {
  description = "Id of the storage container with the cells' state, as Azure Resource Manager writes it."
  type        = string
  nullable    = false
}

variable "plan_subjects" {
  description = "Subjects of GitHub's tokens that may plan, by a name for each, exactly as GitHub writes them; newer repositories have numbers in theirs."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.plan_subjects) > 0 && length(var.plan_subjects) <= 20 && alltrue([for subject in values(var.plan_subjects) : startswith(subject, "repo:") && !strcontains(subject, "*")])
    error_message = "There must be 1 to 20 subjects, which begin with repo: and have no wildcard."
  }
}

variable "apply_subjects" {
  description = "Subjects of GitHub's tokens that may apply, by a name for each: those of protected environments."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.apply_subjects) > 0 && length(var.apply_subjects) <= 20 && alltrue([for subject in values(var.apply_subjects) : startswith(subject, "repo:") && !strcontains(subject, "*")])
    error_message = "There must be 1 to 20 subjects, which begin with repo: and have no wildcard."
  }

  validation {
    condition     = alltrue([for subject in values(var.apply_subjects) : !strcontains(subject, ":pull_request") && !contains(values(var.plan_subjects), subject)])
    error_message = "A pull request never applies, and a subject that plans does not apply."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  nullable    = false
  default     = {}
}
