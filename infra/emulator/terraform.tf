# What a cell's root gets in the place of its own backend and provider while it is applied to an emulator; nothing of it is in a module.

terraform {
  backend "local" {}

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

# Given here, so that neither the environment nor a profile can lead to an account.
provider "aws" {
  access_key              = "emulator"
  secret_key              = "emulator"
  max_retries             = 1
  skip_metadata_api_check = true

  endpoints {
    apigatewayv2   = var.emulator
    cloudwatch     = var.emulator
    cloudwatchlogs = var.emulator
    dynamodb       = var.emulator
    ec2            = var.emulator
    iam            = var.emulator
    kms            = var.emulator
    lambda         = var.emulator
    sns            = var.emulator
    sqs            = var.emulator
    sts            = var.emulator
  }
}
