# The private network, off unless asked for: an endpoint for each service that the functions or containers call. main.internet.tf has the way out.

data "aws_availability_zones" "available" {
  count = var.private_network ? 1 : 0
  state = "available"
  # VPC links are not there (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-vpc-links.html).
  exclude_zone_ids = local.in_fargate ? ["use1-az3", "cac1-az3", "apne1-az3"] : []

  # No local zones.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  zones = var.private_network ? slice(data.aws_availability_zones.available[0].names, 0, var.options.availability_zones) : []

  # Sixteen subnets of a size; the first are the functions'.
  subnets = { for index, zone in local.zones : zone => cidrsubnet(var.cell.cidr, 4, index) }

  # SQS and the stream are polled by Lambda itself, from outside of the network; containers poll from inside. With a way out, what only starts and
  # watches containers goes by that.
  services = local.in_functions ? ["sns", "logs", "xray"] : concat(["sns", "sqs"], local.internet ? [] : ["logs", "ecr.api", "ecr.dkr", "secretsmanager"])

  interface_endpoints = var.private_network ? toset(concat(local.services, var.options.customer_managed_key && (local.in_functions || !local.internet) ? ["kms"] : [])) : []
}

resource "aws_vpc" "cell" {
  count                = var.private_network ? 1 : 0
  cidr_block           = var.cell.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = merge(local.tags, { Name = local.id })
}

resource "aws_subnet" "private" {
  for_each                = local.subnets
  vpc_id                  = aws_vpc.cell[0].id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false
  tags                    = merge(local.tags, { Name = "${local.id}-${each.key}" })
}

resource "aws_route_table" "private" {
  count  = var.private_network ? 1 : 0
  vpc_id = aws_vpc.cell[0].id
  tags   = merge(local.tags, { Name = local.id })
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = local.internet ? aws_route_table.outward[each.key].id : aws_route_table.private[0].id
}

# What is created with the network lets everything through; empty rules make it useless.
resource "aws_default_security_group" "cell" {
  count  = var.private_network ? 1 : 0
  vpc_id = aws_vpc.cell[0].id
  tags   = local.tags
}

resource "aws_security_group" "functions" {
  count       = var.private_network ? 1 : 0
  name        = "${local.id}-functions"
  description = "Functions of the cell: HTTPS to the endpoints, nothing in."
  vpc_id      = aws_vpc.cell[0].id
  tags        = local.tags
}

resource "aws_security_group" "endpoints" {
  count       = var.private_network ? 1 : 0
  name        = "${local.id}-endpoints"
  description = "Endpoints of services: HTTPS from the functions."
  vpc_id      = aws_vpc.cell[0].id
  tags        = local.tags
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  count                        = var.private_network ? 1 : 0
  security_group_id            = aws_security_group.functions[0].id
  referenced_security_group_id = aws_security_group.endpoints[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  description                  = "Interface endpoints"
}

resource "aws_vpc_security_group_egress_rule" "dynamodb" {
  count             = var.private_network ? 1 : 0
  security_group_id = aws_security_group.functions[0].id
  prefix_list_id    = aws_vpc_endpoint.dynamodb[0].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "DynamoDB"
}

resource "aws_vpc_security_group_ingress_rule" "functions" {
  count                        = var.private_network ? 1 : 0
  security_group_id            = aws_security_group.endpoints[0].id
  referenced_security_group_id = aws_security_group.functions[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  description                  = "Functions"
}

resource "aws_vpc_endpoint" "dynamodb" {
  count             = var.private_network ? 1 : 0
  vpc_id            = aws_vpc.cell[0].id
  service_name      = "com.amazonaws.${local.region}.dynamodb"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat([aws_route_table.private[0].id], values(aws_route_table.outward)[*].id)
  tags              = local.tags
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = local.interface_endpoints
  vpc_id              = aws_vpc.cell[0].id
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = values(aws_subnet.private)[*].id
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
  tags                = local.tags
}
