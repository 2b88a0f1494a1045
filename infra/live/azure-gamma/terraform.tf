# Made by `npx polycell cells scaffold`; settings of this cell alone go into settings.auto.tfvars.

terraform {
  required_version = "~> 1.11"

  # Resource group and storage account come with -backend-config: their names are the subscription's own. A blob is its own lock.
  backend "azurerm" {
    container_name   = "state"
    key              = "cells/azure-gamma.tfstate"
    use_azuread_auth = true
  }

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "4.81.0"
    }
  }
}

# The subscription comes from ARM_SUBSCRIPTION_ID.
provider "azurerm" {
  storage_use_azuread             = true
  resource_provider_registrations = "none"
  resource_providers_to_register = [
    "Microsoft.App",
    "Microsoft.ContainerService",
    "Microsoft.DocumentDB",
    "Microsoft.Insights",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.ServiceBus",
    "Microsoft.Storage",
    "Microsoft.Web",
  ]

  features {
    # A subscription begins with a rule that lets every event through.
    servicebus {
      auto_delete_subscription_default_rule = true
    }
  }
}
