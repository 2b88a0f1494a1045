variable "name" {
  description = "Name of the interconnect, such as aws-alpha-azure-beta."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{3,63}$", var.name))
    error_message = "The name must have 3 to 63 characters of a-z, 0-9 and -."
  }
}

variable "resource_group" {
  description = "Name of the resource group of the virtual network."
  type        = string
  nullable    = false
}

variable "location" {
  description = "Region of the virtual network."
  type        = string
  nullable    = false
}

variable "virtual_network" {
  description = "The virtual network: its id, the output network of the cell, and its name."
  type        = object({ id = string, name = string })
  nullable    = false
}

variable "cidr" {
  description = "CIDR of this virtual network. Its third to fifth sixteenth hold the gateway and the resolver."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.cidr)) && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "The CIDR must be an IPv4 network of at least 4,096 addresses."
  }
}

variable "remote_cidr" {
  description = "CIDR of the VPC at the other end."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.remote_cidr)) && var.remote_cidr != var.cidr
    error_message = "The other network must be an IPv4 network of its own."
  }
}

variable "tunnels" {
  description = "Public addresses of the tunnels at the other end by name, the output tunnels of interconnect/aws; none until they are there."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for address in values(var.tunnels) : can(cidrhost("${address}/32", 0))])
    error_message = "Each tunnel must be an IPv4 address."
  }
}

variable "preshared_keys" {
  description = "Key of each tunnel, by its name, from the secret that interconnect/aws names. The state holds them: protect it."
  type        = map(string)
  nullable    = false
  default     = {}
  sensitive   = true

  validation {
    condition     = toset(keys(var.preshared_keys)) == toset(keys(var.tunnels))
    error_message = "Each tunnel must have its key."
  }
}

variable "remote_dns_servers" {
  description = "Addresses of the resolver at the other end that answer for its private names; none until it is there."
  type        = list(string)
  nullable    = false
  default     = []
}

variable "remote_domains" {
  description = "Private zones of the other end, such as cell.internal."
  type        = set(string)
  nullable    = false
  default     = []

  validation {
    condition     = length(var.remote_domains) == 0 || length(var.remote_dns_servers) > 0
    error_message = "Domains of the other end need the addresses of its resolver."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  nullable    = false
  default     = {}
}
