// Generates the root of a cell from its entry in infra/cells.json, as a pure function: the caller decides what to do with the files.
// A root is thin: it reads the declarations, calls the module, and keeps its state in the cell's own cloud.
import type { DeclaredCell } from './declared.ts';

/** The versions that roots are pinned to. */
export const VERSIONS = { terraform: '~> 1.11', aws: '5.100.0', azurerm: '4.81.0', cloudflare: '5.22.0' } as const;

const MADE = '# Made by `npx polycell cells scaffold`; settings of this cell alone go into settings.auto.tfvars.\n';

/** File name → content of all generated files in `infra/live/<cell>/`. */
export function cellRoot({
  id,
  cloud,
  region,
}: Pick<DeclaredCell, 'id' | 'cloud' | 'region'>): Readonly<Record<string, string>> {
  return {
    'terraform.tf': cloud === 'aws' ? awsTerraform(id, region) : azureTerraform(id),
    'main.tf': main(id, cloud),
    'variables.tf': VARIABLES,
    'outputs.tf': outputs(),
  };
}

const awsTerraform = (id: string, region: string): string => `${MADE}
terraform {
  required_version = "${VERSIONS.terraform}"

  # The bucket comes with -backend-config: its name is the account's own. State and lock are in the cell's region.
  backend "s3" {
    key          = "cells/${id}.tfstate"
    region       = "${region}"
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "${VERSIONS.aws}"
    }
  }
}

provider "aws" {
  region = local.cell.region
}
`;

const azureTerraform = (id: string): string => `${MADE}
terraform {
  required_version = "${VERSIONS.terraform}"

  # Resource group and storage account come with -backend-config: their names are the subscription's own. A blob is its own lock.
  backend "azurerm" {
    container_name   = "state"
    key              = "cells/${id}.tfstate"
    use_azuread_auth = true
  }

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "${VERSIONS.azurerm}"
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
`;

const main = (id: string, cloud: 'aws' | 'azure'): string => `${MADE}
locals {
  infra      = "\${path.module}/../.."
  cell       = one([for cell in jsondecode(file("\${local.infra}/cells.json")) : cell if cell.id == "${id}"])
  topology   = jsondecode(file("\${local.infra}/topology.json"))
  objectives = jsondecode(file("\${local.infra}/objectives.json"))
}

module "cell" {
  source = "../../modules/${cloud}-event-cell"

  cell                = local.cell
  topology            = local.topology
  objectives          = local.objectives
  release             = var.release
  route_keys          = var.route_keys
  route_audience      = var.route_audience
  other_endpoints     = var.other_endpoints
  identity_key        = var.identity_key
  edge                = var.leases ? "https://\${jsondecode(file("\${local.infra}/edge.json")).hostname}" : "none"
  telemetry           = var.telemetry
  telemetry_headers   = var.telemetry_headers
  alarm_emails        = var.alarm_emails
  private_network     = var.private_network
  cluster             = var.cluster
  deletion_protection = var.deletion_protection
  log_retention_days  = var.log_retention_days
  tags                = var.tags
  options             = ${cloud === 'aws' ? 'var.options' : `merge(var.options, { resources = jsondecode(file("\${local.infra}/azure.json")) })`}
}
`;

const VARIABLES = `${MADE}
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
`;

/** Outputs of both modules; a test compares the list with theirs. */
export const OUTPUTS: Readonly<Record<string, string>> = {
  cell: 'Id of the cell.',
  endpoint: "Address of the cell's API, for the edge's directory; without a slash at its end.",
  health_url: 'Address of the health check.',
  version: 'Version that the cell was deployed with.',
  functions: 'What the functions are called in the cloud, by name.',
  identities: 'Identities that the functions run under, by function.',
  stores: 'The event log and the state, as the cloud identifies them.',
  bus: 'Topic that events are published to, as the cloud identifies it.',
  queues: 'Queues of each consumer, one in each lane, as the cloud identifies them.',
  alarm_target: 'Where alarms are sent to, as the cloud identifies it.',
  logs: "Where the functions' logs are, by function; null in a cluster, which has its own.",
  network: 'The private network as the cloud identifies it, or null.',
  domain_target: "What the record of the cell's domain must point to, or null.",
  settings:
    'The environment of containers in a cluster, without its secrets: what makes the ConfigMap that all parts share.',
  deployment:
    'How a release comes into the cell: terraform, one-deploy to the app in the resource group, or cluster; and the image that runs in it, or null.',
};

const outputs = (): string =>
  MADE +
  Object.entries(OUTPUTS)
    .map(
      ([name, description]) =>
        `\noutput "${name}" {\n  description = "${description}"\n  value       = module.cell.${name}\n}\n`,
    )
    .join('');
