# The private network's way out: to the edge for leases, to other cells for copies, to a collector. One NAT gateway a zone, as a zone that is
# lost must not take it along; nothing comes in by it.

locals {
  # Functions have none unless it is asked for; a cell in containers would be none without.
  internet = var.private_network && coalesce(var.options.internet, !local.in_functions)

  ways_out = { for zone, _ in local.subnets : zone => index(local.zones, zone) if local.internet }
}

resource "aws_internet_gateway" "cell" {
  count  = local.internet ? 1 : 0
  vpc_id = aws_vpc.cell[0].id
  tags   = merge(local.tags, { Name = local.id })
}

# The sixth sixteenth of the network, in parts: nothing but the gateways is in it.
resource "aws_subnet" "public" {
  for_each                = local.ways_out
  vpc_id                  = aws_vpc.cell[0].id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(cidrsubnet(var.cell.cidr, 4, 5), 4, each.value)
  map_public_ip_on_launch = false
  tags                    = merge(local.tags, { Name = "${local.id}-public-${each.key}" })
}

resource "aws_route_table" "public" {
  count  = local.internet ? 1 : 0
  vpc_id = aws_vpc.cell[0].id
  tags   = merge(local.tags, { Name = "${local.id}-public" })
}

resource "aws_route" "public" {
  count                  = local.internet ? 1 : 0
  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.cell[0].id
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "outward" {
  for_each = local.ways_out
  domain   = "vpc"
  tags     = merge(local.tags, { Name = "${local.id}-${each.key}" })
}

resource "aws_nat_gateway" "outward" {
  for_each      = aws_subnet.public
  subnet_id     = each.value.id
  allocation_id = aws_eip.outward[each.key].id
  tags          = merge(local.tags, { Name = "${local.id}-${each.key}" })

  depends_on = [aws_internet_gateway.cell]
}

resource "aws_route_table" "outward" {
  for_each = local.ways_out
  vpc_id   = aws_vpc.cell[0].id
  tags     = merge(local.tags, { Name = "${local.id}-${each.key}" })
}

resource "aws_route" "outward" {
  for_each               = aws_nat_gateway.outward
  route_table_id         = aws_route_table.outward[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = each.value.id
}

resource "aws_vpc_security_group_egress_rule" "outward" {
  count             = local.internet ? 1 : 0
  security_group_id = aws_security_group.functions[0].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "The edge, other cells, a collector"
}

# The layers of images lie in S3.
resource "aws_vpc_endpoint" "images" {
  count             = local.in_fargate ? 1 : 0
  vpc_id            = aws_vpc.cell[0].id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat([aws_route_table.private[0].id], values(aws_route_table.outward)[*].id)
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "images" {
  count             = local.in_fargate ? 1 : 0
  security_group_id = aws_security_group.functions[0].id
  prefix_list_id    = aws_vpc_endpoint.images[0].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "Images"
}

# Containers read the stream themselves. It has no gateway, and its endpoint no private name.
resource "aws_vpc_endpoint" "stream" {
  count               = local.in_fargate ? 1 : 0
  vpc_id              = aws_vpc.cell[0].id
  service_name        = "com.amazonaws.${local.region}.dynamodb-streams"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = values(aws_subnet.private)[*].id
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = false
  tags                = local.tags
}
