terraform {
  required_version = ">= 1.10.0"

  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 4.4.0, < 6.0.0"
    }
  }
}
