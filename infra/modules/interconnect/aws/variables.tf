variable "name" {
  description = "Name of the interconnect, such as aws-alpha-azure-beta."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{3,63}$", var.name))
    error_message = "The name must have 3 to 63 characters of a-z, 0-9 and -."
  }
}

variable "vpc_id" {
  description = "Id of the VPC, the output network of the cell."
  type        = string
  nullable    = false
}

variable "route_table_ids" {
  description = "Route tables that learn the way to the other network."
  type        = set(string)
  nullable    = false
}

variable "subnet_ids" {
  description = "Two or three subnets, in different zones, for the resolver's endpoints."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2 && length(distinct(var.subnet_ids)) == length(var.subnet_ids)
    error_message = "The resolver needs at least two different subnets."
  }
}

variable "cidr" {
  description = "CIDR of this VPC."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.cidr))
    error_message = "The CIDR must be an IPv4 network."
  }
}

variable "remote_cidr" {
  description = "CIDR of the virtual network at the other end."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.remote_cidr)) && var.remote_cidr != var.cidr
    error_message = "The other network must be an IPv4 network of its own."
  }
}

variable "remote_gateway" {
  description = "Public address of the VPN gateway at the other end, the output gateway_address of interconnect/azure."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrhost("${var.remote_gateway}/32", 0))
    error_message = "The gateway must be an IPv4 address."
  }
}

variable "remote_dns_servers" {
  description = "Addresses of the resolver at the other end that answer for its private names; none until it is there."
  type        = list(string)
  nullable    = false
  default     = []
}

variable "remote_domains" {
  description = "Private zones of the other end, such as privatelink.documents.azure.com."
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
