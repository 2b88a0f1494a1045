module "edge" {
  source = "../../modules/edge"

  account_id         = var.account_id
  zone_id            = var.zone_id
  edge               = jsondecode(file("${path.module}/../../edge.json"))
  objectives         = jsondecode(file("${path.module}/../../objectives.json")).cells
  release            = var.release
  console_files      = "${path.module}/../../../web"
  migrated_tag       = var.migrated_tag
  device_authorities = var.device_authorities
}
