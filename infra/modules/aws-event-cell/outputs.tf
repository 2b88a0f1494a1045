output "cell" {
  description = "Id of the cell."
  value       = var.cell.id
}

output "endpoint" {
  description = "Address of the cell's API, for the edge's directory; without a slash at its end."
  value       = local.endpoint
}

output "health_url" {
  description = "Address of the health check."
  value       = "${local.endpoint}/v1/health"
}

output "version" {
  description = "Version that the cell was deployed with."
  value       = var.release.version
}

output "functions" {
  description = "What the functions are called in the cloud, by name."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}

output "identities" {
  description = "Identities that the functions run under, by function."
  value       = { for name, role in aws_iam_role.function : name => role.arn }
}

output "stores" {
  description = "The event log and the state, as the cloud identifies them."
  value       = { events = aws_dynamodb_table.events.arn, state = aws_dynamodb_table.state.arn }
}

output "bus" {
  description = "Topic that events are published to, as the cloud identifies it."
  value       = aws_sns_topic.events.arn
}

output "queues" {
  description = "Queues of each consumer, one in each lane, as the cloud identifies them."
  value       = { for name, queue in aws_sqs_queue.consumer : name => queue.arn }
}

output "alarm_target" {
  description = "Where alarms are sent to, as the cloud identifies it."
  value       = aws_sns_topic.alarms.arn
}

output "logs" {
  description = "Where the functions' logs are, by function."
  value       = { for name, group in aws_cloudwatch_log_group.function : name => group.name }
}

output "network" {
  description = "The private network as the cloud identifies it, or null."
  value       = var.private_network ? aws_vpc.cell[0].id : null
}

output "domain_target" {
  description = "What the record of the cell's domain must point to, or null."
  value       = var.cell.domain == null ? null : aws_apigatewayv2_domain_name.cell[0].domain_name_configuration[0].target_domain_name
}

output "deployment" {
  description = "How packages come into the cell: terraform, or one-deploy to the app in the resource group."
  value = {
    method         = "terraform"
    app            = null
    resource_group = null
  }
}
