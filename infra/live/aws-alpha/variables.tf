# Made by `npx polycell cells scaffold`; settings of this cell alone go into settings.auto.tfvars.

variable "release" {
  description = "What runs in the cell: its version, the path of each package where Terraform deploys them, and in containers their image by digest."
  type = object({
    version   = string
    artifacts = map(string)
    image     = optional(string)
  })
  nullable = false
}

variable "route_keys" {
  description = "Public Ed25519 keys of the edge as JSON Web Keys: one, or two while the key is rotated."
  type = list(object({
    kty = string
    crv = string
    kid = string
    x   = string
  }))
  nullable = false
}

variable "route_audience" {
  description = "Whether the edge's tokens must name the cell's endpoint: required; optional until an edge that names none is upgraded."
  type        = string
  nullable    = false
  default     = "required"
}

variable "other_endpoints" {
  description = "A second origin that tokens may name, while the cell gets another address."
  type        = list(string)
  nullable    = false
  default     = []
}

variable "identity_key" {
  description = "Private Ed25519 key of the cell as a JSON Web Key, by which it proves its identity to the edge. The state holds it."
  type        = string
  nullable    = false
  sensitive   = true
}

variable "leases" {
  description = "Whether effects that must happen once, and redriving and dropping, need a lease from the edge: false until an edge that gives leases is deployed."
  type        = bool
  nullable    = false
  default     = true
}

variable "telemetry" {
  description = "Where spans and metrics are exported to, and the share of traces that are sampled; the module's variable of this name describes it."
  type        = any
  nullable    = false
  default     = {}
}

variable "telemetry_headers" {
  description = "Headers for the collector, such as a key: name=value with commas in between, values percent-encoded. The state holds them."
  type        = string
  nullable    = false
  sensitive   = true
  default     = ""
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to."
  type        = set(string)
  nullable    = false
  default     = []
}

variable "private_network" {
  description = "Whether the functions reach store and bus through a private network."
  type        = bool
  nullable    = false
  default     = false
}

variable "cluster" {
  description = "The Kubernetes cluster that runs the cell's containers in place of the module; the module's variable of this name describes it."
  type        = any
  nullable    = true
  default     = null
}

variable "deletion_protection" {
  description = "Whether the stores refuse to be deleted."
  type        = bool
  nullable    = false
  default     = true
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  nullable    = false
  default     = 30
}

variable "tags" {
  description = "Tags of all resources, beside those that name the cell."
  type        = map(string)
  nullable    = false
  default     = {}
}

variable "options" {
  description = "What only this cloud has a setting for; the module's variable of this name describes it."
  type        = any
  nullable    = false
  default     = {}
}
