variable "name" {
  description = "Host name that clients know, such as api.example.com."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.name))
    error_message = "The name must be a host name such as api.example.com."
  }
}

variable "edges" {
  description = "Routers by name: their host and the share of clients that each gets. Never cells: a cell takes route tokens only."
  nullable    = false
  type = map(object({
    host   = string
    weight = optional(number, 1)
  }))

  validation {
    condition     = length(var.edges) >= 2
    error_message = "There must be at least two edges: with one there is nothing to fail over to."
  }

  validation {
    condition     = alltrue([for edge in values(var.edges) : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", edge.host))])
    error_message = "Each host must be a name such as edge-aws.example.com."
  }

  validation {
    condition     = alltrue([for edge in values(var.edges) : edge.weight >= 0 && edge.weight <= 255 && floor(edge.weight) == edge.weight]) && sum(values(var.edges)[*].weight) > 0
    error_message = "Weights must be whole numbers from 0 to 255, and one of them more than 0."
  }
}

variable "health_path" {
  description = "Path of the edges' health check."
  type        = string
  nullable    = false
  default     = "/v1/health"

  validation {
    condition     = startswith(var.health_path, "/")
    error_message = "The path must begin with a slash."
  }
}

variable "ttl" {
  description = "Seconds for which resolvers may keep an answer. A failover takes at least the checks' time and this."
  type        = number
  nullable    = false
  default     = 30

  validation {
    condition     = var.ttl >= 10 && var.ttl <= 300
    error_message = "The TTL must be 10 to 300 seconds."
  }
}

variable "failures" {
  description = "Failed checks in a row after which an edge gets no more clients."
  type        = number
  nullable    = false
  default     = 3

  validation {
    condition     = var.failures >= 1 && var.failures <= 9
    error_message = "An edge may fail 1 to 9 checks."
  }
}

variable "zone_id" {
  description = "Id of the hosted zone of the name."
  type        = string
  nullable    = false
}

variable "tags" {
  description = "Tags of the health checks."
  type        = map(string)
  nullable    = false
  default     = {}
}
