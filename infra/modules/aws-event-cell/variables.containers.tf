variable "cluster" {
  description = "The Kubernetes cluster that runs the cell's containers in place of the module: the origin of the API's ingress, the issuer of the cluster's tokens, namespace and service account (both the cell's id without them); null: the module runs them."
  nullable    = true
  default     = null
  type = object({
    endpoint        = string
    issuer          = string
    namespace       = optional(string)
    service_account = optional(string)
  })

  validation {
    condition     = var.cluster == null || var.cell.runtime == "container"
    error_message = "A cluster runs cells whose runtime is container."
  }

  validation {
    condition     = var.cluster == null || can(regex("^https://[a-z0-9.-]+$", var.cluster.endpoint))
    error_message = "The cluster's endpoint must be an https origin in lower case, without a path."
  }

  validation {
    condition     = var.cluster == null || can(regex("^https://[^ ?#]+[^ ?#/]$", var.cluster.issuer))
    error_message = "The cluster's issuer must be an https address without a slash at its end."
  }

  validation {
    condition     = var.cluster == null || alltrue([for name in compact([try(var.cluster.namespace, null), try(var.cluster.service_account, null)]) : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", name))])
    error_message = "Namespace and service account must be names of Kubernetes."
  }

  validation {
    condition     = var.cluster == null || var.cell.domain == null
    error_message = "A cell in a cluster is reached by the cluster's endpoint: its domain must be null."
  }
}
