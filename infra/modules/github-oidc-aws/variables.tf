variable "name" {
  description = "Beginning of the names of roles and policies."
  type        = string
  nullable    = false
  default     = "polycell"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "The name must have 3 to 31 characters of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "cells" {
  description = "Ids of the cells of this account. The identities may act on what bears these names, and on nothing else."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.cells) > 0 && alltrue([for cell in var.cells : can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", cell))])
    error_message = "There must be at least one cell, each with 3 to 32 characters of a-z, 0-9 and -."
  }
}

variable "region" {
  description = "Region of the cells."
  type        = string
  nullable    = false
}

variable "state_bucket" {
  description = "Name of the bucket with the cells' state."
  type        = string
  nullable    = false
}

variable "plan_subjects" {
  description = "Subjects of GitHub's tokens that may plan, exactly as GitHub writes them; newer repositories have numbers in theirs."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.plan_subjects) > 0 && alltrue([for subject in var.plan_subjects : startswith(subject, "repo:") && !strcontains(subject, "*") && !strcontains(subject, "?")])
    error_message = "Subjects begin with repo: and have no wildcard."
  }
}

variable "apply_subjects" {
  description = "Subjects of GitHub's tokens that may apply, exactly as GitHub writes them: those of protected environments."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.apply_subjects) > 0 && alltrue([for subject in var.apply_subjects : startswith(subject, "repo:") && !strcontains(subject, "*") && !strcontains(subject, "?")])
    error_message = "Subjects begin with repo: and have no wildcard."
  }

  validation {
    condition     = alltrue([for subject in var.apply_subjects : !strcontains(subject, ":pull_request") && !contains(var.plan_subjects, subject)])
    error_message = "A pull request never applies, and a subject that plans does not apply."
  }
}

variable "provider_arn" {
  description = "ARN of GitHub's identity provider if the account has one already; null makes it."
  type        = string
  nullable    = true
  default     = null
}

variable "secret_arns" {
  description = "Secrets that the applying identity may read, such as the token for the edge."
  type        = set(string)
  nullable    = false
  default     = []
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  nullable    = false
  default     = {}
}
