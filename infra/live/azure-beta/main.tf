# Made by `npx polycell cells scaffold`; settings of this cell alone go into settings.auto.tfvars.

locals {
  infra      = "${path.module}/../.."
  cell       = one([for cell in jsondecode(file("${local.infra}/cells.json")) : cell if cell.id == "azure-beta"])
  topology   = jsondecode(file("${local.infra}/topology.json"))
  objectives = jsondecode(file("${local.infra}/objectives.json"))
}

module "cell" {
  source = "../../modules/azure-event-cell"

  cell                = local.cell
  topology            = local.topology
  objectives          = local.objectives
  release             = var.release
  route_keys          = var.route_keys
  route_audience      = var.route_audience
  other_endpoints     = var.other_endpoints
  identity_key        = var.identity_key
  edge                = var.leases ? "https://${jsondecode(file("${local.infra}/edge.json")).hostname}" : "none"
  telemetry           = var.telemetry
  telemetry_headers   = var.telemetry_headers
  alarm_emails        = var.alarm_emails
  private_network     = var.private_network
  cluster             = var.cluster
  deletion_protection = var.deletion_protection
  log_retention_days  = var.log_retention_days
  tags                = var.tags
  options             = merge(var.options, { resources = jsondecode(file("${local.infra}/azure.json")) })
}
