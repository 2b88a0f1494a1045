variable "account_id" {
  description = "Id of the Cloudflare account."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "Id of the zone that host name and routes lie in."
  type        = string
  nullable    = false
}

variable "release" {
  description = "What runs at the edge: its version, and the path of the package edge."
  type = object({
    version   = string
    artifacts = map(string)
  })
  nullable = false
}

variable "migrated_tag" {
  description = "Tag of the last migration that the deployed Worker has gone through; null before its first deployment."
  type        = string
  nullable    = true
  default     = null
}

variable "device_authorities" {
  description = "PEM of one to four certificates of authorities that sign devices' certificates, or none."
  type        = string
  nullable    = false
  default     = "none"
}
