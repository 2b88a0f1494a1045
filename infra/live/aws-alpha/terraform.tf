# Made by `npx polycell cells scaffold`; settings of this cell alone go into settings.auto.tfvars.

terraform {
  required_version = "~> 1.11"

  # The bucket comes with -backend-config: its name is the account's own. State and lock are in the cell's region.
  backend "s3" {
    key          = "cells/aws-alpha.tfstate"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = local.cell.region
}
